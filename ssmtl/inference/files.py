"""The files of one image in a folder of predictions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssmtl.atomic_file import replacing
from ssmtl.inference.dicom_seg import check_seg, dicom_seg, seg_possible
from ssmtl.inference.inputs import InputImage
from ssmtl.inference.nifti import check_nifti, nifti
from ssmtl.inference.overlay import overlay, png
from ssmtl.inference.prediction import Prediction


@dataclass(frozen=True)
class Wanted:
    """Which files besides the table and the masks as PNG."""

    overlays: bool = False
    seg: bool = False
    nifti: bool = False

    def check(self) -> None:
        """:raises DataError: naming the extra that is not installed."""
        if self.seg:
            check_seg()
        if self.nifti:
            check_nifti()


@dataclass(frozen=True)
class Written:
    """:param masks: by task and structure, the file of the mask. :param files: all of them, relative to the folder."""

    masks: dict[tuple[str, str], str]
    files: list[str]


def write_files(folder: Path, stem: str, one: Prediction, image: InputImage, wanted: Wanted) -> Written:
    """Each is written whole or not at all: masks as grey PNG, 255 inside and 0 outside, in the image's own geometry.

    :raises DataError: naming the image, if it does not say what a DICOM segmentation needs.
    :raises OSError: if the disk is full, for example.
    """
    masks, files = {}, []
    for place, content, structure in _contents(stem, one, image, wanted):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
        files.append(place)
        if structure is not None:
            masks[structure] = place
    return Written(masks, files)


def _contents(
    stem: str, one: Prediction, image: InputImage, wanted: Wanted
) -> Iterator[tuple[str, bytes, tuple[str, str] | None]]:
    """Place in the folder, content, and for a mask its task and structure."""
    tasks = words_of(list(one.masks))
    for task, found in one.masks.items():
        structures = words_of(list(found.masks))
        for name, mask in found.masks.items():
            values = mask.astype(np.uint8)
            yield f"masks/{tasks[task]}/{stem}.{structures[name]}.png", png(values * np.uint8(255)), (task, name)
            if wanted.nifti:
                yield f"nifti/{tasks[task]}/{stem}.{structures[name]}.nii.gz", nifti(values, one.spacing), None
        if wanted.seg and seg_possible(Path(image.path)):
            yield f"seg/{tasks[task]}/{stem}.dcm", dicom_seg(Path(image.path), task, found.masks), None
    if wanted.overlays:
        yield f"overlays/{stem}.png", overlay(one, image.pixels), None


def words_of(names: Sequence[str]) -> dict[str, str]:
    """What tasks or structures are called in the names of files: other characters become '-'; all differ."""
    words: dict[str, str] = {}
    for name in names:
        word = re.sub(r"[^\w.-]+", "-", name).strip(".") or "task"
        while word.casefold() in {other.casefold() for other in words.values()}:
            word += "-"
        words[name] = word
    return words
