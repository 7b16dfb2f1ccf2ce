"""DICOM files; needs the extra `dicom`."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssmtl.errors import DataError


def decode_dicom(content: bytes) -> NDArray[Any]:
    """The first frame: float32 in [0, 1] after rescaling and windowing, or colours as stored.

    :raises ImportError: without pydicom. :raises DataError: if it holds no image that can be displayed.
    """
    import pydicom
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    dataset = pydicom.dcmread(BytesIO(content), force=content[128:132] != b"DICM")
    if "PixelData" not in dataset:
        raise DataError("it is not a DICOM image: no pixel data")
    stored = pixel_array(dataset, index=0)
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        colour: NDArray[Any] = apply_color_lut(stored, dataset)
        return colour
    if stored.ndim == 3:
        full: NDArray[Any] = np.asarray(stored)
        return full
    shown = _window(np.asarray(apply_modality_lut(stored, dataset), np.float64), dataset)
    return (1 - shown if photometric == "MONOCHROME1" else shown).astype(np.float32)


def _window(values: NDArray[np.float64], dataset: Any) -> NDArray[np.float64]:
    """To [0, 1] by the VOI functions of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None:
        centre, width = (float(np.atleast_1d(dataset[key].value)[0]) for key in ("WindowCenter", "WindowWidth"))
        function = str(dataset.get("VOILUTFunction") or "LINEAR")
        if width <= 0:
            raise DataError(f"window width {width:g}; expected more than 0")
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
