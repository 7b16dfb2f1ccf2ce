"""PNG, JPEG, GIF, BMP and TIFF files, as Pillow reads them."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from ssmtl.data.decoding_memory import COLOUR, GREY
from ssmtl.errors import DataError

Array = NDArray[np.generic]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # at twice that size Pillow raises an error

OPAQUE = 255
"""The alpha of a pixel through which nothing shines."""


@dataclass(frozen=True)
class OpenImage:
    """An image's values.

    :param orientation: its EXIF tag, 1 to 8, which has been applied. :param lossy: whether it is a JPEG.
    :param step: what stored grey values of 1, 2 or 4 bits were multiplied by, to fill 8 bits.
    :param no_mask: what it has, and a mask may not have, and what to do about it; empty if it can be a mask.
    """

    array: Array
    orientation: int = 1
    lossy: bool = False
    step: int = 1
    no_mask: str = ""


def decode_pillow(content: bytes, reserve: Callable[[int], None]) -> OpenImage:
    """The first frame, as `ImageFile.read` describes it.

    :param reserve: called once, with the bytes of memory that this takes, before they are taken.
    :raises DataError: for values without a known range; Pillow raises nearly anything on a damaged file.
    """
    with Image.open(BytesIO(content), formats=FORMATS) as file:
        grey = (file.mode in ("1", "L", "I", "F") or file.mode.startswith("I;16")) and "transparency" not in file.info
        reserve(file.width * file.height * (GREY if grey else COLOUR))
        stored = _stored_as(file)
        tag = file.getexif().get(ExifTags.Base.Orientation, 1)
        file.load()
        turned = tag in range(2, 9)
        array = _array(ImageOps.exif_transpose(file) if turned else file, file.format)
        if _is_inverted(file):
            array = np.subtract(65535 if array.dtype == np.uint16 else 1, array, dtype=array.dtype)
        return OpenImage(
            array,
            int(tag) if turned else 1,
            file.format == "JPEG",
            255 if file.mode == "1" else _step(stored),
            _why_no_mask(file, stored),
        )


def _stored_as(file: Image.Image) -> str:
    """Pillow's word for how the pixels lie in the file, such as `L;4` or `RGB;16B`; known until it is loaded."""
    parts = getattr(file, "tile", None)
    arguments = parts[0].args if parts else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _step(stored: str) -> int:
    bits = re.match(r"L;([24])", stored)
    return 255 // (2 ** int(bits[1]) - 1) if bits else 1


def _is_inverted(file: Image.Image) -> bool:
    """Whether 0 is white. Pillow inverts such a TIFF if it has 8 bits or fewer, and not if it has more."""
    if not isinstance(file, TiffImagePlugin.TiffImageFile) or not (file.mode == "F" or file.mode.startswith("I;16")):
        return False
    return bool(file.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0)


def _why_no_mask(image: Image.Image, stored: str) -> str:
    """Where different values would become one, without a word."""
    if _is_transparent(image):
        return (
            "has transparent pixels, and what they mean is not known; save it without transparency, as grey values: "
            "0 outside, 255 inside"
        )
    if "16" in stored and len(image.getbands()) > 1:
        return (
            "has colours of 16 bits, which are read with 8: different values could become one; "
            "save it as grey values, or as colours of 8 bits"
        )
    if image.mode == "P":
        palette = [*(image.getpalette("RGB") or ()), *[0] * 768]
        colours = [tuple(palette[3 * value : 3 * value + 3]) for value, count in enumerate(image.histogram()) if count]
        if len(set(colours)) < len(colours):
            return (
                "has values that its palette shows in the same colour, so that they cannot be told apart; "
                "save the values themselves, as grey"
            )
    return ""


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info


def _is_transparent(image: Image.Image) -> bool:
    if not _has_alpha(image):
        return False
    if image.mode.startswith("I;16"):
        return bool((np.asarray(image) == image.info["transparency"]).any())
    return bool((np.asarray(image.convert("RGBA").getchannel("A")) < OPAQUE).any())


def _array(image: Image.Image, file_format: str | None) -> Array:
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":
        wide = np.asarray(image)
        if file_format != "PNG" or wide.min() < 0 or wide.max() > np.iinfo(np.uint16).max:
            raise DataError("signed or 32-bit integers have no known full range; expected 8 or 16 bits, unsigned")
        return wide.astype(np.uint16)
    if image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):
            raise DataError(f"floats from {values.min():g} to {values.max():g}; expected [0, 1]")
        return values
    if _has_alpha(image):
        solid = image.convert("RGBA")
        flat = Image.new("RGBA", solid.size, (0, 0, 0, 255))
        flat.alpha_composite(solid)
        return np.asarray(flat.convert("RGB"))
    return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
