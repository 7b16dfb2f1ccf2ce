"""The weak augmentation: flip and crop."""

from typing import Annotated

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from ssmtl import Images, Masks, RandomStream
from ssmtl_kornia.parts import by_parts

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
        return by_parts(self._augment, images, masks, stream)

    def _augment(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        height, width = images.shape[-2:]
        above, beside = round(self.pad * height), round(self.pad * width)
        numbers = RandomStream(stream.keys)  # on the CPU
        mirrored = (numbers.uniform("flip")[:, 0] < 0.5) & self.horizontal_flip
        left, top = (numbers.uniform("crop", 2) * torch.tensor([2 * beside + 1, 2 * above + 1])).long().T
        corners = torch.stack([top - above, left - (width - 1) * mirrored], dim=1)
        corners = corners.to(images.device, non_blocking=True)
        return _crop(images, corners, beside), None if masks is None else _crop(masks, corners, beside)


def _crop(images: Tensor, corners: Int64[Tensor, "rows 2"], beside: int) -> Tensor:
    """New images of the same size: what lies from `corners` (y, x) on in the image that its reflections continue.

    A line continued by its reflections repeats after 2 (width − 1) pixels, and its mirror image is the same line
    width − 1 pixels earlier. So a crop of the mirrored image is a crop as well.

    :param corners: y from the upper edge of the image, x from `beside` pixels left of it, less width − 1 if mirrored.
    """
    rows, channels, height, width = images.shape
    if not images.numel():
        return images.clone()
    mirrored, last = images.flip(-1), width - 1
    pieces = [images[..., last - beside : last], mirrored[..., :last], images, mirrored[..., 1 : beside + 1]]
    lines = torch.cat(pieces, dim=-1)
    y = (corners[:, :1] + torch.arange(height, device=images.device)).abs()
    y = (height - 1) - ((height - 1) - y).abs()
    line = torch.arange(rows * channels, device=images.device).view(rows, channels, 1) * height + y[:, None]
    first = line * lines.shape[-1] + last + corners[:, 1, None, None]
    windows = lines.view(-1).unfold(0, width, 1)
    return windows.index_select(0, first.flatten()).view(images.shape)
