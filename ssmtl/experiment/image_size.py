"""Which image sizes a backbone takes."""

from collections.abc import Sequence
from math import lcm

from ssmtl.contracts.shapes import Size, sides
from ssmtl.errors import Problem
from ssmtl.wording import in_pixels


def check_image_size(backbone: str, strides: Sequence[int], size: Size) -> list[Problem]:
    """A level of stride s has height / s rows and width / s columns, as the contract of a backbone promises, if s
    divides both.

    :param strides: of the backbone's levels; what is no stride is left to whoever reads it.
    :param size: of the recipe's images, in pixels.
    """
    if not all(isinstance(stride, int) and stride > 0 for stride in strides):
        return []
    multiple = lcm(*strides)
    if all(side % multiple == 0 for side in sides(size)):
        return []
    height, width = (max(multiple, (side + multiple // 2) // multiple * multiple) for side in sides(size))
    needs = f"a multiple of {multiple}" if isinstance(size, int) else f"multiples of {multiple}"
    nearest = height if isinstance(size, int) else [height, width]
    what = f"{in_pixels(size)}: the backbone '{backbone}' needs {needs}"
    return [Problem("image.size", what, f"the nearest is {nearest}")]
