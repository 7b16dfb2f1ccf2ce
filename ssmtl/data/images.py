"""Image files, and how any image becomes what is cached: 8-bit grey or colour."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ssmtl.contracts.shapes import Size, sides
from ssmtl.contracts.source import Pixels
from ssmtl.data.decoding_memory import DECODING
from ssmtl.data.dicom import decode_dicom
from ssmtl.data.file_hashes import FILE_HASHES
from ssmtl.data.fit import Fit, Float, How
from ssmtl.data.pillow_image import FORMATS, Array, OpenImage, decode_pillow
from ssmtl.errors import DataError
from ssmtl.regular_file import open_file, read_bytes

DICOM_SUFFIXES = (".dcm", ".dicom")
ADDRESS = re.compile(r" ?<[^<>]* at 0x[0-9a-fA-F]+>")
"""In a decoder's message: an object in memory, which is another one each time."""
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class ImageSize(NamedTuple):
    """Of an image as it is shown. :param orientation: the EXIF tag that turned it."""

    height: int
    width: int
    orientation: int = 1


@dataclass(frozen=True)
class ImageFile:
    """A PNG, JPEG, GIF, BMP, TIFF or DICOM file; the first frame if there are several."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def fingerprint(self) -> str:
        """Hash (BLAKE2b) of the file's bytes; known of earlier processes where `FILE_HASHES` says so.

        :raises DataError: if the file cannot be read, or is empty: empty files are not copies of an image.
        """
        absolute = self.name if self.path.is_absolute() else os.path.join(os.getcwd(), self.path)
        try:
            return FILE_HASHES.of(absolute, self._bytes)
        except (OSError, ValueError) as error:  # ValueError: a null character
            raise DataError(f"{self.path} cannot be read: {getattr(error, 'strerror', None) or error}") from error

    def read(self) -> Array:
        """Shape (height, width), or (height, width, 3): uint8, uint16, or float32 in [0, 1].

        EXIF orientation is applied, transparency is flattened on black, palettes are resolved, CMYK becomes RGB.
        A DICOM file is rescaled, windowed (its first window, else its VOI table, else min-max) and float;
        MONOCHROME1 is inverted, as is a TIFF whose 0 is white.
        :raises DataError: naming the file, whatever is wrong with it.
        """
        with self.opened() as image:
            return image.array

    @contextmanager
    def opened(self) -> Iterator[OpenImage]:
        """As `read`; inside the context, memory for working on it is reserved. Threads wait for each other."""
        with ExitStack() as held:
            yield self._decoded(lambda count: held.enter_context(DECODING.hold(count)))

    def stream(self) -> BinaryIO:
        """Its bytes, to be closed.

        :raises OSError: if it cannot be read.
        """
        return open_file(self.path)

    def _decoded(self, reserve: Callable[[int], None]) -> OpenImage:
        content = self._bytes()
        try:
            if is_dicom(self.path, content):
                return OpenImage(decode_dicom(content, reserve))
            return decode_pillow(content, reserve)
        except ImportError as error:
            raise DataError(f"{self.path} is a DICOM file. To read it: pip install 'ssmtl[dicom]' ({error})") from error
        except UnidentifiedImageError as error:
            raise DataError(f"{self.path} is not an image of a known format ({', '.join(FORMATS)}, DICOM)") from error
        except Exception as error:  # decoders raise nearly anything on a damaged file
            reason = ADDRESS.sub("", " ".join(str(error).split())) or type(error).__name__
            raise DataError(f"{self.path} cannot be decoded: {reason}") from error

    def _bytes(self) -> bytes:
        try:
            content = read_bytes(self.path)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}") from error
        if not content:
            raise DataError(f"{self.path} is empty (0 bytes)")
        return content


def is_dicom(path: Path, content: bytes) -> bool:
    """:param content: at least the first 132 bytes."""
    return path.suffix.lower() in DICOM_SUFFIXES or content[128:132] == b"DICM"


@contextmanager
def opened(pixels: Pixels) -> Iterator[OpenImage]:
    """Any image's values, with memory reserved inside the context if it is a file.

    :raises DataError: as `Pixels.read`.
    """
    if isinstance(pixels, ImageFile):
        with pixels.opened() as image:
            yield image
    else:
        yield OpenImage(pixels.read())


def to_unit(array: Array, name: str = "an array") -> Float:
    """The same shape, in [0, 1]: the full range is that of the type.

    :raises DataError: naming `name`, for signed integers, or floats outside [0, 1].
    """
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if array.dtype in (np.uint8, np.uint16):  # exact in 32 bits, and the quotient is the nearest one
        return np.divide(array, np.float32(2 ** (8 * array.dtype.itemsize) - 1), dtype=np.float32)
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
    if array.ndim == 2 or array.shape[2] == 1:
        return to_unit(array.reshape(array.shape[:2]), name)
    if np.issubdtype(array.dtype, np.floating):
        array = to_unit(array, name)
    luma = to_unit(array[..., 0], name)
    luma *= np.float32(LUMA[0])
    for channel in (1, 2):
        part = to_unit(array[..., channel], name)
        part *= np.float32(LUMA[channel])
        luma += part
    return np.minimum(luma, np.float32(1), out=luma)


def resize(grey: Float, size: Size, fit: How = "stretch") -> Float:
    """Of that size: bilinear, antialiased when shrinking."""
    return Fit(size, fit).forward(grey, Image.Resampling.BILINEAR)


def grey_uint8(pixels: Pixels, size: Size, channels: int, fit: How = "stretch") -> tuple[NDArray[np.uint8], ImageSize]:
    """Shape (channels, height, width), and the original size. Three channels keep colours, if there are any.

    :raises DataError: naming the image, if it cannot be read.
    """
    with opened(pixels) as image:
        array = image.array
        if channels == 3 and array.ndim == 3 and array.shape[2] == 3 and array.size:
            colour = to_unit(array, pixels.name)
            planes = np.stack([resize(colour[..., channel], size, fit) for channel in range(3)])
        else:
            planes = resize(to_grey(array, pixels.name), size, fit)[None]
    levels = planes * np.float32(255)
    np.clip(np.rint(levels, out=levels), 0, 255, out=levels)
    original = ImageSize(array.shape[0], array.shape[1], image.orientation)
    return np.broadcast_to(levels.astype(np.uint8), (channels, *sides(size))), original
