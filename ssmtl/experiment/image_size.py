"""Which image sizes a backbone takes."""

from collections.abc import Sequence
from math import lcm

from ssmtl.errors import Problem


def check_image_size(backbone: str, strides: Sequence[int], size: int) -> list[Problem]:
    """A level of stride s has size / s rows and columns, as the contract of a backbone promises, if s divides the size.

    :param strides: of the backbone's levels; what is no stride is left to whoever reads it.
    :param size: of the recipe's images, in pixels.
    """
    if not all(isinstance(stride, int) and stride > 0 for stride in strides):
        return []
    multiple = lcm(*strides)
    if size % multiple == 0:
        return []
    nearest = max(multiple, (size + multiple // 2) // multiple * multiple)
    what = f"{size} pixels: the backbone '{backbone}' needs a multiple of {multiple}"
    return [Problem("image.size", what, f"the nearest is {nearest}")]
