"""What the pixel values of a mask mean: inside a structure, outside, or unknown; anything ambiguous is an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssmtl.data.images import to_grey, to_unit
from ssmtl.data.pillow_image import Array, OpenImage
from ssmtl.errors import DataError

OUTSIDE, INSIDE, UNKNOWN = 0, 1, 255
"""The values of a mask that has been read."""

Mask = NDArray[np.uint8]

IGNORE, BACKGROUND = "ignore", "background"
"""Keys of `values:` beside the structures."""

LISTED = 12
"""Values that a message lists at most."""

EDGE = (0.1, 0.9)
"""Shares of the range between which a value is neither clearly outside nor clearly inside."""

EDGE_VALUES = 8
"""Different values between those, from which on a lossless mask has soft edges, rather than several structures."""

MOST_SPREAD = 16
"""Greatest difference between the channels of a grey pixel after JPEG, of 255."""

HINT = "say what they mean with 'values:' in the sources file"


@dataclass(frozen=True)
class Meaning:
    """Of the values in one structure's masks: grey values, or colours as red · 65536 + green · 256 + blue.

    :param inside: None: the one value that is neither outside nor unknown.
    """

    inside: frozenset[int] | None
    outside: frozenset[int]
    unknown: frozenset[int]


def meaning_of(values: Mapping[str, Sequence[int | str]], structure: str) -> Meaning:
    """What `values:` says about a structure: its own values are inside, those of other structures outside."""
    numbers = {name: frozenset(map(_number, listed)) for name, listed in values.items()}
    unknown = numbers.pop(IGNORE, frozenset())
    outside = numbers.pop(BACKGROUND, None)
    inside = numbers.get(structure)
    if outside is None:
        outside = frozenset({0}) - unknown - (inside or frozenset())
    if inside is not None:
        outside = outside.union(*numbers.values()) - inside
    return Meaning(inside, outside, unknown)


def by_meaning(image: OpenImage, meaning: Meaning, name: str) -> Mask:
    """Shape (height, width) of OUTSIDE, INSIDE and UNKNOWN.

    :raises DataError: naming the mask, for a value that nothing is said about.
    """
    codes, coloured = _codes(image, name)
    present = frozenset(np.unique(codes).tolist())
    rest = present - meaning.outside - meaning.unknown
    inside = rest if meaning.inside is None else meaning.inside
    if (rest - inside) or (meaning.inside is None and len(rest) > 1):
        said = sorted(rest - meaning.inside) if meaning.inside is not None else sorted(rest)
        raise DataError(
            f"mask {name} has the values {_listed(present, coloured)}, and 'values:' says nothing about "
            f"{_listed(said, coloured)}"
        )
    mask = np.isin(codes, list(inside)).astype(np.uint8)
    mask[np.isin(codes, list(meaning.unknown))] = UNKNOWN
    return mask


def by_itself(image: OpenImage, name: str) -> Mask:
    """Shape (height, width) of OUTSIDE and INSIDE, of a mask whose values can mean only one thing.

    Of 0 and one other value, the other is inside. Grey masks with soft edges (JPEG, antialiasing) are split at half of
    the range, provided that few pixels are between black and white.
    :raises DataError: naming the mask and its values, for any other.
    """
    codes, coloured = _codes(image, name, nearest_grey=image.lossy)
    values, counts = np.unique(codes, return_counts=True)
    if len(values) == 1 or (len(values) == 2 and values[0] == 0):
        return np.not_equal(codes, 0).astype(np.uint8)
    if not coloured and _is_soft(values, counts, image):
        return (to_grey(image.array, name) > 0.5).astype(np.uint8)
    listed = _listed(values.tolist(), coloured)
    raise DataError(f"mask {name} has the values {listed}; expected 0 and one other: {HINT}")


def _is_soft(values: Array, counts: NDArray[np.int64], image: OpenImage) -> bool:
    """Whether the histogram has two peaks, black and white, and little between them."""
    unit = to_unit(np.multiply(values, image.step, dtype=values.dtype))
    between = (unit > EDGE[0]) & (unit < EDGE[1])
    low, middle, high = (int(counts[part].sum()) for part in (unit <= EDGE[0], between, unit >= EDGE[1]))
    return 2 * middle < min(low, high) and (image.lossy or int(between.sum()) >= EDGE_VALUES)


def _codes(image: OpenImage, name: str, nearest_grey: bool = False) -> tuple[Array, bool]:
    """One number for each pixel, grey values as they are stored, and whether it stands for a colour.

    :param nearest_grey: whether colours that JPEG made of grey are grey.
    :raises DataError: naming the mask, if different values may have become one number.
    """
    array = image.array
    if image.no_mask:
        raise DataError(f"mask {name} {image.no_mask}")
    if image.step > 1:
        array = np.floor_divide(array, image.step, dtype=array.dtype)
    if not np.issubdtype(array.dtype, np.unsignedinteger):
        to_unit(array, f"mask {name}")  # refuses floats outside [0, 1] and signed integers
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        return array.reshape(array.shape[:2]), False
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise DataError(f"mask {name} has shape {array.shape} of {array.dtype}; expected grey values, or 8-bit colours")
    spread = array.max(2).astype(np.int16) - array.min(2)
    if int(spread.max()) <= (MOST_SPREAD if nearest_grey else 0):
        return array[..., 1], False
    red, green, blue = (array[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) + (green << 8) + blue, True


def _number(value: int | str) -> int:
    return value if isinstance(value, int) else int(value.removeprefix("#"), 16)


def _listed(values: "Sequence[int | float] | frozenset[int]", coloured: bool) -> str:
    known = sorted(values)
    shown = [f"#{int(value):06x}" if coloured else f"{value:g}" for value in known[:LISTED]]
    return ", ".join(shown) + (f", … ({len(known)} values)" if len(known) > LISTED else "")
