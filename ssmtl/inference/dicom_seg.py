"""Masks as DICOM segmentations of the image they belong to; needs the extra `seg`."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssmtl import __version__
from ssmtl.data.images import is_dicom
from ssmtl.errors import DataError, first_line
from ssmtl.regular_file import open_file

MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex",
    "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Of type 2 (PS3.5 7.4.3) in the patient's and the study's modules: anonymised files often leave them out."""


def check_seg() -> None:
    """:raises DataError: without highdicom."""
    _highdicom()


def seg_possible(path: Path) -> bool:
    """Whether the file is DICOM."""
    with open_file(path) as file:
        return is_dicom(path, file.read(132))


def dicom_seg(path: Path, task: str, masks: Mapping[str, NDArray[np.bool_]]) -> bytes:
    """A binary segmentation with one segment for each structure, in the study of the image.

    Its UIDs follow from the image's and from the masks, and its date is the image's: the same masks give the same
    bytes. The structures are named by a code of our own, since a recipe names them freely.

    :raises DataError: naming the image, if it lacks what a segmentation must say of its source.
    """
    library = _highdicom()
    import pydicom

    with open_file(path) as file:
        source = pydicom.dcmread(file, stop_before_pixels=True, force=True)
    for name in MAY_BE_EMPTY:
        if name not in source:
            setattr(source, name, None)
    values = np.stack([mask.astype(np.uint8) for mask in masks.values()], axis=-1)[None]
    try:
        content = _segmentation(library, source, task, list(masks), values)
    except AttributeError as error:
        raise DataError(f"{path}: no DICOM SEG can refer to it: it has no {error.name or error}") from error
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(f"{path}: no DICOM SEG can refer to it: {first_line(error)}") from error
    return content


def _segmentation(library: Any, source: Any, task: str, names: list[str], values: NDArray[np.uint8]) -> bytes:
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    code = library.sr.CodedConcept
    software = library.AlgorithmIdentificationSequence(
        name="ssmtl", version=__version__, family=code("123109", "DCM", "Artificial Intelligence")
    )
    segments = [
        library.seg.SegmentDescription(
            segment_number=number,
            segment_label=name[:64],
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=code(f"S{number}", "99SSMTL", name[:64]),
            algorithm_type="AUTOMATIC",
            algorithm_identification=software,
        )
        for number, name in enumerate(names, 1)
    ]
    known = [str(source.SOPInstanceUID), task, values.tobytes().hex()]
    made = library.seg.Segmentation(
        source_images=[source],
        pixel_array=values,
        segmentation_type="BINARY",
        segment_descriptions=segments,
        series_instance_uid=generate_uid(entropy_srcs=["series", str(source.SeriesInstanceUID), task]),
        series_number=1,
        sop_instance_uid=generate_uid(entropy_srcs=["instance", *known]),
        instance_number=1,
        manufacturer="ssmtl",
        manufacturer_model_name="ssmtl",
        software_versions=__version__,
        device_serial_number="0",
        omit_empty_frames=False,
    )
    made.ContentDate = made.InstanceCreationDate = source.get("ContentDate") or source.get("StudyDate") or "19700101"
    made.ContentTime = made.InstanceCreationTime = source.get("ContentTime") or source.get("StudyTime") or "000000"
    for equipment in made.get("ContributingEquipmentSequence", ()):
        del equipment.ContributionDateTime
    own = generate_uid(entropy_srcs=["dimensions", *known])
    for one in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        one.DimensionOrganizationUID = own
    file = BytesIO()
    made.save_as(file)
    return file.getvalue()


def _highdicom() -> Any:
    try:
        import highdicom
    except ImportError as error:
        raise DataError(f"--seg needs highdicom: pip install 'ssmtl[seg]' ({error})") from error
    return highdicom
