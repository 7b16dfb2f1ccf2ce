"""The weak augmentation: flip and crop."""

from typing import Annotated

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from ssmtl import Images, Masks, RandomStream
from ssmtl_kornia.parts import FEW, by_parts

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
        moving = {"horizontal_flip": horizontal_flip, "pad": pad > 0}
        self.moved_by = tuple(name for name, moves in moving.items() if moves)

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        return by_parts(self._augment, images, masks, stream, FEW)

    def _augment(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        height, width = images.shape[-2:]
        above, beside = round(self.pad * height), round(self.pad * width)
        numbers = RandomStream(stream.keys)  # on the CPU
        mirrored = (numbers.uniform("flip") < 0.5) & self.horizontal_flip
        corners = (numbers.uniform("crop", 2) * torch.tensor([2 * beside + 1, 2 * above + 1])).long()
        x = _reflected(corners[:, :1] - beside + torch.arange(width), width)
        y = _reflected(corners[:, 1:] - above + torch.arange(height), height)
        x = torch.where(mirrored, width - 1 - x, x)
        y, x = (places.to(images.device, non_blocking=True) for places in (y, x))
        return _moved(images, y, x), None if masks is None else _moved(masks, y, x)


def _reflected(places: Tensor, length: int) -> Tensor:
    """Pixels up to `length` - 1 outside a line, as pixels of the line: it is continued by its reflections."""
    return length - 1 - (length - 1 - places.abs()).abs()


def _moved(images: Tensor, y: Int64[Tensor, "rows height"], x: Int64[Tensor, "rows width"]) -> Tensor:
    """New images of the same size, whose pixels come from lines `y` and columns `x`."""
    rows, channels, height, width = images.shape
    first = torch.arange(rows * channels, device=images.device).view(rows, channels, 1) * height
    lines = images.reshape(-1, width).index_select(0, (first + y[:, None]).flatten()).view(images.shape)
    return lines.gather(3, x[:, None, None].expand(images.shape))
