"""Masks: read by what their values mean, united, resized."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ssmtl.contracts.shapes import Size
from ssmtl.contracts.source import Example, Pixels
from ssmtl.data.fit import Fit, How
from ssmtl.data.images import ImageSize, opened
from ssmtl.data.mask_values import INSIDE, UNKNOWN, Mask, Meaning, by_itself, by_meaning, meaning_of
from ssmtl.data.pillow_image import Array
from ssmtl.errors import DataError

SIDEWAYS = 5
"""EXIF orientations from this one on exchange height and width."""


@dataclass(frozen=True)
class ExplainedMask:
    """A mask whose values have a meaning from the sources file; the meaning is part of its fingerprint."""

    pixels: Pixels
    meaning: Meaning

    @property
    def name(self) -> str:
        return self.pixels.name

    def fingerprint(self) -> str:
        """Of content and meaning."""
        meaning = self.meaning
        sets = [None if part is None else sorted(part) for part in (meaning.inside, meaning.outside, meaning.unknown)]
        return hashlib.blake2b(f"{self.pixels.fingerprint()} {sets}".encode(), digest_size=16).hexdigest()

    def read(self) -> Array:
        """As stored."""
        return self.pixels.read()


def explained(example: Example, values: Mapping[str, Sequence[int | str]]) -> Example:
    """The same example, whose masks' values mean what `values:` of its source says."""
    if not example.masks:
        return example
    masks = {
        structure: tuple(ExplainedMask(pixels, meaning_of(values, structure)) for pixels in parts)
        for structure, parts in example.masks.items()
    }
    return replace(example, masks=masks)


def read_mask(pixels: Pixels) -> Mask:
    """Shape (height, width) of 0 outside, 1 inside and 255 unknown.

    :raises DataError: naming the mask, if it cannot be read, or its values could mean several things.
    """
    return _read(pixels)[0]


def mask_uint8(
    masks: Sequence[Pixels],
    size: Size,
    image_size: ImageSize | tuple[int, int],
    scale: float = 1.0,
    image_name: str = "",
    fit: How = "stretch",
) -> Mask:
    """0, 1 and 255, of that size: the union of `masks`, area-averaged.

    1 where more than half of what is known is inside; 255 where half or more is unknown, and around the image.

    :param image_size: (height, width) of the image before it was resized, and its EXIF orientation if that is known.
    :param scale: expected size of each mask relative to the image.
    :raises DataError: if there is no mask, one cannot be read, or one has the wrong size or another orientation,
        or nothing is known.
    """
    if not masks:
        raise DataError(f"no mask to unite{' for ' + image_name if image_name else ''}")
    original = ImageSize(*image_size)
    shape = round(original.height * scale), round(original.width * scale)
    inside, unknown = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for pixels in masks:
        mask, orientation = _read(pixels)
        where = f"its image{' ' + image_name if image_name else ''}"
        _check_orientation(pixels.name, where, orientation, original, mask.shape == shape)
        if mask.shape != shape:
            times = "" if scale == 1 else f" (expected the image's size times {scale:g}: {shape[1]}x{shape[0]})"
            raise DataError(
                f"mask {pixels.name} is {mask.shape[1]}x{mask.shape[0]}, "
                f"{where} is {original.width}x{original.height}{times}"
            )
        inside |= mask == INSIDE
        unknown |= mask == UNKNOWN
    unknown &= ~inside
    fitted = Fit(size, fit)
    share = fitted.forward(inside.astype(np.float32), Image.Resampling.BOX)
    if not unknown.any() and fit == "stretch":
        return (share > 0.5).astype(np.uint8)
    known = 1 - fitted.forward(unknown.astype(np.float32), Image.Resampling.BOX, fill=1.0)
    if not (known > 0.5).any():
        raise DataError(f"mask {masks[0].name} has nothing but values to ignore; leave the mask out")
    return np.where(known > 0.5, share > 0.5 * known, UNKNOWN).astype(np.uint8)


def _read(pixels: Pixels) -> tuple[Mask, int]:
    """The mask, and its EXIF orientation."""
    if isinstance(pixels, ExplainedMask):
        with opened(pixels.pixels) as image:
            return by_meaning(image, pixels.meaning, pixels.name), image.orientation
    with opened(pixels) as image:
        return by_itself(image, pixels.name), image.orientation


def _check_orientation(name: str, where: str, orientation: int, image: ImageSize, fits: bool) -> None:
    """Equal tags turn both. An untagged mask may have been drawn on the turned image, if its size shows that."""
    drawn_as_shown = orientation == 1 and image.orientation >= SIDEWAYS and image.height != image.width and fits
    if orientation != image.orientation and not drawn_as_shown:
        raise DataError(
            f"mask {name} has the EXIF orientation {orientation}, {where} has {image.orientation}: only one of them "
            "would be turned; expected both with the same tag, or none"
        )
