"""Views of an image for test-time augmentation, and their undoing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ssmtl.inference.options import Tta

PART = 32
"""A shift is the side along it divided by this."""


@dataclass(frozen=True)
class ImageView:
    """:param see: images to what the network sees. :param undo: its masks to (masks, where they are known)."""

    see: Callable[[Tensor], Tensor]
    undo: Callable[[Tensor], tuple[Tensor, Tensor]]


def _known(masks: Tensor) -> tuple[Tensor, Tensor]:
    return masks, torch.ones_like(masks)


def _moved(down: int, right: int) -> ImageView:
    """The image's border pixels fill what the shift uncovers; what it pushes out is not known afterwards."""
    side = max(abs(down), abs(right))

    def cut(images: Tensor, down: int, right: int) -> Tensor:
        height, width = images.shape[-2] - 2 * side, images.shape[-1] - 2 * side
        return images[..., side - down : side - down + height, side - right : side - right + width]

    def see(images: Tensor) -> Tensor:
        return cut(F.pad(images, (side,) * 4, mode="replicate"), down, right)

    def undo(masks: Tensor) -> tuple[Tensor, Tensor]:
        back, known = (cut(F.pad(one, (side,) * 4), -down, -right) for one in (masks, torch.ones_like(masks)))
        return back, known

    return ImageView(see, undo)


def _mirrored(images: Tensor) -> Tensor:
    return images.flip(-1)


PLAIN = ImageView(lambda images: images, _known)
MIRROR = ImageView(_mirrored, lambda masks: _known(_mirrored(masks)))


def views_of(tta: Tta, height: int, width: int) -> Sequence[ImageView]:
    """The untouched image first."""
    if tta == "mirror":
        return PLAIN, MIRROR
    if tta == "shifts":
        by, beside = max(1, height // PART), max(1, width // PART)
        return PLAIN, *(_moved(down, right) for down in (-by, by) for right in (-beside, beside))
    return (PLAIN,)
