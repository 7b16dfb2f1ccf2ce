"""The source `chest_xray`: paediatric chest X-rays (Kermany, Zhang, Goldbaum, 2018), normal or pneumonia."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ssmtl import DataError, Example, Folders, ImageFile
from ssmtl_sources.listing import images_in, is_there, relative, set_folder
from ssmtl_sources.splits import SplitName

PARTS: tuple[SplitName, ...] = ("train", "val", "test")
CLASSES = {"NORMAL": "normal", "PNEUMONIA": "pneumonia"}
PUBLIC_SET = (
    "'Chest X-Ray Images (Pneumonia)' (ChestXRay2017.zip) of Kermany, Zhang and Goldbaum, "
    "Mendeley Data, doi:10.17632/rscbjbr9sj"
)
PATIENT = re.compile(r"(person\d+)_|((?:NORMAL\d*-)?IM-\d+)-")


class ChestXray:
    """Reads `{train,val,test}/{NORMAL,PNEUMONIA}/*`, and lung masks from `lung_masks/`, which mirrors that tree.

    :param root: the folder that holds `train`, or the one that holds `chest_xray`.
    :param parts: which official folders to read; None: all that exist.
    :param only: `with_masks` leaves out images without a lung mask.
    :param keep_split: whether each image keeps its official split; if not, the core splits all images by patient.
    :param official_val: whether the official `val` folder of 16 images is the validation set; if not, it counts as
        `train`, and the core sets validation patients aside.
    """

    def __init__(
        self,
        folders: Folders,
        /,
        *,
        root: str,
        parts: list[SplitName] | None = None,
        only: Literal["all", "with_masks"] = "all",
        keep_split: bool = True,
        official_val: bool = False,
    ) -> None:
        self._folders = folders
        self._root = root
        self._parts = parts
        self._only = only
        self._keep_split = keep_split
        self._official_val = official_val

    def examples(self) -> Sequence[Example]:
        """Labels `normal` and `pneumonia`, structure `lung`.

        :raises DataError: if a folder is missing or holds no image.
        """
        root = set_folder(self._folders.find(self._root, public_set=PUBLIC_SET), ["chest_xray"], PARTS)
        parts = self._parts if self._parts is not None else [part for part in PARTS if (root / part).is_dir()]
        examples = [
            self._example(root, part, path)
            for part in PARTS
            if part in parts
            for folder in CLASSES
            for path in images_in(root / part / folder)
        ]
        kept = [example for example in examples if self._only == "all" or example.masks]
        if not kept:
            raise DataError(f"{root}: no image {'with a mask ' if examples else ''}in {', '.join(parts) or 'no part'}")
        return kept

    def _example(self, root: Path, part: SplitName, path: Path) -> Example:
        split: SplitName = "train" if part == "val" and not self._official_val else part
        mask = root / "lung_masks" / part / path.parent.name / f"{path.stem}.png"
        return Example(
            id=relative(path, root),
            patient=f"{split}/{patient_of(path.stem)}",
            image=ImageFile(path),
            labels=frozenset({CLASSES[path.parent.name]}),
            masks={"lung": (ImageFile(mask),)} if is_there(mask) else None,
            split=split if self._keep_split else None,
        )


def patient_of(stem: str) -> str:
    """`person12_virus_46` → `person12`, `NORMAL2-IM-0529-0001` → `NORMAL2-IM-0529`; leaves other names unchanged."""
    match = PATIENT.match(stem)
    return (match[1] or match[2]) if match else stem
