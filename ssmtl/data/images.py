"""Image files, and how any image becomes what is cached: 8-bit grey or colour, and masks of 0 and 1."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ssmtl.contracts.source import Pixels
from ssmtl.data.dicom import decode_dicom
from ssmtl.errors import DataError
from ssmtl.regular_file import read_bytes

Array = NDArray[np.generic]
Float = NDArray[np.float32]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF")
DICOM_SUFFIXES = (".dcm", ".dicom")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # at twice that size Pillow raises an error
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class ImageFile:
    """A PNG, JPEG, GIF, BMP, TIFF or DICOM file; the first frame if there are several."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def fingerprint(self) -> str:
        """Hash (BLAKE2b) of the file's bytes.

        :raises DataError: if the file cannot be read.
        """
        return hashlib.blake2b(self._bytes(), digest_size=16).hexdigest()

    def read(self) -> Array:
        """Shape (height, width), or (height, width, 3): uint8, uint16, or float32 in [0, 1].

        EXIF orientation is applied, transparency is flattened on black, palettes are resolved, CMYK becomes RGB.
        A DICOM file is rescaled, windowed (its first window, else its VOI table, else min-max) and float;
        MONOCHROME1 is inverted.
        :raises DataError: naming the file, whatever is wrong with it.
        """
        content = self._bytes()
        if not content:
            raise DataError(f"{self.path} is empty (0 bytes)")
        dicom = self.path.suffix.lower() in DICOM_SUFFIXES or content[128:132] == b"DICM"
        try:
            return decode_dicom(content) if dicom else _decode(content)
        except ImportError as error:
            raise DataError(f"{self.path} is a DICOM file. To read it: pip install 'ssmtl[dicom]' ({error})") from error
        except UnidentifiedImageError as error:
            raise DataError(f"{self.path} is not an image of a known format ({', '.join(FORMATS)}, DICOM)") from error
        except Exception as error:  # decoders raise nearly anything on a damaged file
            reason = str(error) or type(error).__name__
            raise DataError(f"{self.path} cannot be decoded: {reason}") from error

    def _bytes(self) -> bytes:
        try:
            return read_bytes(self.path)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}") from error


def _decode(content: bytes) -> Array:
    with Image.open(BytesIO(content), formats=FORMATS) as opened:
        opened.load()
        file_format = opened.format
        image = ImageOps.exif_transpose(opened)
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
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        solid = image.convert("RGBA")
        flat = Image.new("RGBA", solid.size, (0, 0, 0, 255))
        flat.alpha_composite(solid)
        return np.asarray(flat.convert("RGB"))
    return np.asarray(image if image.mode == "L" else image.convert("RGB"))


def to_unit(array: Array, name: str = "an array") -> Float:
    """The same shape, in [0, 1]: the full range is that of the type.

    :raises DataError: naming `name`, for signed integers, or floats outside [0, 1].
    """
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if np.issubdtype(array.dtype, np.unsignedinteger):
        full = np.float64(2 ** (8 * array.dtype.itemsize) - 1)
        return (array.astype(np.float64) / full).astype(np.float32)
    if np.issubdtype(array.dtype, np.floating):
        values = array.astype(np.float32)
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise DataError(f"{name} has floats from {values.min():g} to {values.max():g}; expected [0, 1]")
        return values
    raise DataError(f"{name} has values of type {array.dtype}; expected unsigned integers, or floats in [0, 1]")


def to_grey(array: Array, name: str = "an array") -> Float:
    """Shape (height, width) in [0, 1], from (height, width), (height, width, 1), or RGB by its Rec. 601 luma.

    :raises DataError: naming `name`, for any other shape, an empty image, or values of unknown range.
    """
    if not array.size or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)):
        raise DataError(f"{name} has shape {array.shape}; expected (height, width), with 1 or 3 channels if any")
    values = to_unit(array, name)
    if values.ndim == 2:
        return values
    if values.shape[2] == 1:
        return values[..., 0]
    red, green, blue = (np.float32(weight) * values[..., channel] for channel, weight in enumerate(LUMA))
    luma: Float = red + green + blue
    return np.minimum(luma, np.float32(1))


def resize(grey: Float, size: int) -> Float:
    """Shape (size, size): bilinear, antialiased when shrinking; the aspect ratio is not kept."""
    return _resample(grey, size, Image.Resampling.BILINEAR)


def _resample(grey: Float, size: int, kind: Image.Resampling) -> Float:
    if grey.shape == (size, size):
        return grey
    return np.asarray(Image.fromarray(np.ascontiguousarray(grey, np.float32)).resize((size, size), kind))


def grey_uint8(pixels: Pixels, size: int, channels: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Shape (channels, size, size), and the original (height, width). Three channels keep colours, if there are any.

    :raises DataError: naming the image, if it cannot be read.
    """
    array = pixels.read()
    grey = to_grey(array, pixels.name)
    if channels == 3 and array.ndim == 3 and array.shape[2] == 3:
        colour = to_unit(array, pixels.name)
        planes = np.stack([resize(colour[..., channel], size) for channel in range(3)])
    else:
        planes = np.broadcast_to(resize(grey, size), (channels, size, size))
    return np.clip(np.rint(planes * 255), 0, 255).astype(np.uint8), (grey.shape[0], grey.shape[1])


def read_mask(pixels: Pixels) -> NDArray[np.bool_]:
    """Shape (height, width), True inside.

    If all values above zero are equal (0/1, 0/128, 0/255, one palette colour), they are inside;
    otherwise values above half of the range are (edges blurred by resizing or JPEG).
    :raises DataError: naming the mask, if it cannot be read, or has several values and none above half (a label map).
    """
    grey = to_grey(pixels.read(), pixels.name)
    above = grey[grey > 0]
    if not above.size or above.min() == above.max():
        return grey > 0
    if above.max() <= 0.5:
        raise DataError(
            f"mask {pixels.name} has several values, none above half of its range (highest {above.max():.3g} of 1): "
            "is it a map of several structures? Expected one file per structure, 0 outside and one value inside"
        )
    return grey > 0.5


def mask_uint8(
    masks: Sequence[Pixels], size: int, image_size: tuple[int, int], scale: float = 1.0, image_name: str = ""
) -> NDArray[np.uint8]:
    """Shape (size, size) of 0 and 1: the union of `masks`, area-averaged, 1 where more than half is inside.

    :param image_size: (height, width) of the image before it was resized.
    :param scale: expected size of each mask relative to the image.
    :raises DataError: if there is no mask, one cannot be read, or one has the wrong size.
    """
    if not masks:
        raise DataError(f"no mask to unite{' for ' + image_name if image_name else ''}")
    height, width = (round(length * scale) for length in image_size)
    union = np.zeros((height, width), np.bool_)
    for pixels in masks:
        mask = read_mask(pixels)
        if mask.shape != union.shape:
            times = "" if scale == 1 else f" (expected the image's size times {scale:g}: {width}x{height})"
            raise DataError(
                f"mask {pixels.name} is {mask.shape[1]}x{mask.shape[0]}, "
                f"its image{' ' + image_name if image_name else ''} is {image_size[1]}x{image_size[0]}{times}"
            )
        union |= mask
    return (_resample(union.astype(np.float32), size, Image.Resampling.BOX) > 0.5).astype(np.uint8)
