"""DICOM files; needs the extra `dicom`."""

import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ssmtl.data.decoding_memory import DICOM, LARGEST
from ssmtl.errors import DataError

META_GROUP = 2
PIECE = 2**20
"""Bytes."""


def decode_dicom(content: bytes, reserve: Callable[[int], None]) -> NDArray[Any]:
    """The first frame: float32 in [0, 1] after rescaling and windowing, or colours as stored.

    :param reserve: called once, with the bytes of memory that this takes, before they are taken.
    :raises ImportError: without pydicom. :raises DataError: if it holds no image that can be displayed.
    """
    import pydicom
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    inflated = _inflated_size(content)
    if inflated:
        reserve(inflated * DICOM)  # a pixel has at least one byte
    dataset = pydicom.dcmread(BytesIO(content), force=content[128:132] != b"DICM")
    if not dataset.get("PixelData"):
        raise DataError("it is not a DICOM image: no pixel data")
    if not inflated:
        reserve(int(dataset.Rows) * int(dataset.Columns) * DICOM)
    stored = pixel_array(dataset, index=0)
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        colour: NDArray[Any] = apply_color_lut(stored, dataset)
        return colour
    if stored.ndim == 3:
        full: NDArray[Any] = np.asarray(stored)
        return full
    values = np.asarray(apply_modality_lut(stored, dataset), np.float64)
    if not np.isfinite(values).all():
        named = ", ".join(f"{key} {dataset.get(key)}" for key in ("RescaleSlope", "RescaleIntercept"))
        raise DataError(f"rescaling gives values that are not finite ({named})")
    shown = _window(values, dataset)
    return (1 - shown if photometric == "MONOCHROME1" else shown).astype(np.float32)


def _inflated_size(content: bytes) -> int:
    """The size of a deflated data set (PS3.5 A.5), counted piece by piece; 0 if the file is not deflated.

    Counting stops where the limit is passed: a small file can inflate to any size.
    """
    from pydicom.filereader import read_dataset, read_preamble
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    file = BytesIO(content)
    read_preamble(file, force=True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != META_GROUP)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return 0
    inflater, rest, size = zlib.decompressobj(-zlib.MAX_WBITS), file.read(), 0
    while rest and not inflater.eof and size * DICOM <= LARGEST:
        size += len(inflater.decompress(rest, PIECE))
        rest = inflater.unconsumed_tail
    return size


def _window(values: NDArray[np.float64], dataset: Any) -> NDArray[np.float64]:
    """To [0, 1] by the VOI functions of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None:
        centre, width = (float(np.atleast_1d(dataset[key].value)[0]) for key in ("WindowCenter", "WindowWidth"))
        function = str(dataset.get("VOILUTFunction") or "LINEAR")
        if not (width > 0 and np.isfinite([centre, width]).all()):
            raise DataError(f"window centre {centre:g} and width {width:g}; expected numbers, and a width above 0")
        if function == "SIGMOID":
            return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80)))
        if function == "LINEAR_EXACT":
            return np.clip((values - centre) / width + 0.5, 0, 1)
        if width <= 1:
            return (values > centre - 0.5).astype(np.float64)
        return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    if dataset.get("VOILUTSequence"):
        from pydicom.pixels.processing import apply_voi

        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        looked_up = np.asarray(apply_voi(values.astype(np.int64), dataset), np.float64)
        return np.clip(looked_up / np.float64(2**bits - 1), 0, 1)
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def dicom_header(file: BinaryIO) -> tuple[int, tuple[float, float, str] | None]:
    """The number of frames; millimetres between rows and between columns, and where, `object` or `detector`.

    The calibrated Pixel Spacing (0028,0030) where there is one, else Imager Pixel Spacing (0018,1164).
    :raises ImportError: without pydicom.
    """
    import pydicom

    wanted = ["NumberOfFrames", "PixelSpacing", "ImagerPixelSpacing"]
    dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=wanted)
    frames = int(dataset.get("NumberOfFrames") or 1)
    for key, at in (("PixelSpacing", "object"), ("ImagerPixelSpacing", "detector")):
        values = dataset.get(key)
        if values is None or isinstance(values, str) or len(values) != 2:
            continue
        rows, columns = float(values[0]), float(values[1])
        if rows > 0 and columns > 0 and np.isfinite([rows, columns]).all():
            return frames, (rows, columns, at)
    return frames, None
