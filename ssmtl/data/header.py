"""What an image file says about itself besides its pixels: how many frames, and how far apart its pixels are."""

from dataclasses import dataclass

from PIL import Image

from ssmtl.contracts.source import Pixels
from ssmtl.data.dicom import dicom_header
from ssmtl.data.images import ImageFile, is_dicom
from ssmtl.data.pillow_image import FORMATS
from ssmtl.errors import DataError

SINGLE = ("MPO",)
"""Formats whose further pictures are previews of the first one."""


@dataclass(frozen=True)
class Spacing:
    """Millimetres from one row to the next, and from one column to the next.

    :param at: `object` as the machine or somebody calibrated it, or `detector`: a projection is then larger than what
        it shows.
    """

    rows: float
    columns: float
    at: str


@dataclass(frozen=True)
class Header:
    """:param spacing: None if it is not known; only DICOM files are believed."""

    frames: int = 1
    spacing: Spacing | None = None


def header_of(pixels: Pixels) -> Header:
    """Of an image that has been decoded; one frame and no spacing if it is no file.

    :raises DataError: naming the file, if its header cannot be read.
    """
    if not isinstance(pixels, ImageFile):
        return Header()
    try:
        with pixels.stream() as file:
            start = file.read(132)
            file.seek(0)
            if is_dicom(pixels.path, start):
                frames, spacing = dicom_header(file)
                return Header(frames, Spacing(*spacing) if spacing else None)
            with Image.open(file, formats=FORMATS) as image:
                return Header(1 if image.format in SINGLE else getattr(image, "n_frames", 1))
    except DataError:
        raise
    except Exception as error:  # decoders raise nearly anything on a damaged file
        raise DataError(f"{pixels.path}: its header cannot be read: {str(error) or type(error).__name__}") from error
