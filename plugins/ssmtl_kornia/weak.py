"""The weak augmentation: flip and crop."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Images, Masks, RandomStream

Pad = Annotated[float, Field(ge=0, le=0.5)]
"""A fraction of the side, at most half, since reflection has only the image itself to show."""


class KorniaWeak:
    """Flip half of the samples, then pad each and crop it back to its size at a random position.

    FixMatch section 2.3 (Sohn et al., NeurIPS 2020), which is MultiMix's WAug. Pixels move without
    interpolation, and masks (rows, structures, height, width) follow their images (rows, channels, height, width).

    :param horizontal_flip: false where left and right matter, as in chest X-rays.
    :param pad: width of the reflected padding on every side, as a fraction of that side; FixMatch uses 4 of 32 pixels.
    """

    def __init__(self, *, horizontal_flip: bool = True, pad: Pad = 0.125) -> None:
        self.horizontal_flip = horizontal_flip
        self.pad = pad

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        mirrored = stream.uniform("flip") < 0.5
        place = stream.uniform("crop", 2)
        return self._move(images, mirrored, place), None if masks is None else self._move(masks, mirrored, place)

    def _move(self, images: Tensor, mirrored: Tensor, place: Tensor) -> Tensor:
        from kornia.geometry.transform import hflip

        if self.horizontal_flip:
            images = torch.where(mirrored[:, :, None, None], hflip(images), images)
        return _crop(images, place, self.pad)


def _crop(images: Tensor, place: Tensor, pad: float) -> Tensor:
    """Each image cropped from its reflected padding; `place` (rows, 2) is x and y in [0, 1) of the possible shifts."""
    from kornia.geometry.bbox import bbox_generator
    from kornia.geometry.transform import crop_by_indices

    height, width = images.shape[-2:]
    above, beside = round(pad * height), round(pad * width)
    padded = F.pad(images, (beside, beside, above, above), mode="reflect")
    left, top = (place * place.new_tensor([2 * beside + 1, 2 * above + 1])).floor().unbind(dim=1)
    boxes = bbox_generator(left, top, torch.full_like(left, width), torch.full_like(top, height))
    return crop_by_indices(padded, boxes, size=(height, width)).contiguous()
