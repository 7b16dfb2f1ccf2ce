"""Masks as NIfTI; needs the extra `nifti`."""

import gzip
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssmtl.data.header import Spacing
from ssmtl.errors import DataError


def check_nifti() -> None:
    """:raises DataError: without nibabel."""
    _nibabel()


def nifti(labels: NDArray[np.uint8], spacing: Spacing | None) -> bytes:
    """A .nii.gz file of one slice, as ITK writes a two-dimensional image: x runs along a row, y down a column.

    :param labels: (height, width). :param spacing: None: 1 mm, and the header says that the unit is not known.
    """
    library = _nibabel()
    rows, columns = (spacing.rows, spacing.columns) if spacing else (1.0, 1.0)
    affine = np.diag([-columns, -rows, 1.0, 1.0])  # from DICOM's axes, left and posterior, to right and anterior
    image = library.Nifti1Image(labels.T[..., None], affine)
    image.header.set_xyzt_units("mm" if spacing else "unknown")
    content: bytes = gzip.compress(image.to_bytes(), mtime=0)
    return content


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise DataError(f"--nifti needs nibabel: pip install 'ssmtl[nifti]' ({error})") from error
    return nibabel
