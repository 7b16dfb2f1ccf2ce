"""The source `busi`: breast ultrasound (benign, malignant or normal) with lesion masks (Al-Dhabyani et al., 2020)."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ssmtl import DataError, Example, Folders, ImageFile
from ssmtl_sources.listing import images_in, is_there, relative, set_folder
from ssmtl_sources.table import read_table

PUBLIC_SET = (
    "'Dataset of breast ultrasound images' (Dataset_BUSI_with_GT) of Al-Dhabyani, Gomaa, Khaled and Fahmy, "
    "Cairo University, https://scholar.cu.edu.eg/?q=afahmy/pages/dataset"
)
SET = "Dataset_BUSI_with_GT"
CLASSES = ("benign", "malignant", "normal")
MASK = re.compile(r"(.+)_mask(?:_\d+)?")


class Busi:
    """Reads `{benign,malignant,normal}/NAME (k).png`; unites `NAME (k)_mask.png`, `NAME (k)_mask_1.png`, ...

    :param root: the folder that holds the three class folders, or the one that holds `Dataset_BUSI_with_GT`.
    :param group: what counts as one patient, since patients are not known: images with the same `dup_group` in
        `index.csv`, if that file exists (near-duplicates, some with two labels), or each image by itself.
    :param conflicting: `drop` leaves out every image of a `dup_group` whose images have different labels, since one of
        these must be wrong; it needs `index.csv`.
    """

    def __init__(
        self,
        folders: Folders,
        /,
        *,
        root: str,
        group: Literal["dup_group", "image"] = "dup_group",
        conflicting: Literal["keep", "drop"] = "keep",
    ) -> None:
        self._folders = folders
        self._root = root
        self._group = group
        self._conflicting = conflicting

    def examples(self) -> Sequence[Example]:
        """Labels `benign`, `malignant`, `normal`; structure `lesion` (the mask of a normal image is all black).

        :raises DataError: if a class folder is missing, all are empty, a mask has no image, labels that conflict
            are to be dropped and there is no `index.csv`, or this names none of the images.
        """
        root = set_folder(self._folders.find(self._root, public_set=PUBLIC_SET), [SET], CLASSES)
        groups = self._groups(root / "index.csv")
        examples = []
        for name in CLASSES:
            paths = images_in(root / name)
            images = {path.stem: path for path in paths if not MASK.fullmatch(path.stem)}
            masks: dict[str, list[ImageFile]] = {}
            for path in paths:
                match = MASK.fullmatch(path.stem)
                if match and match[1] not in images:
                    raise DataError(f"mask {path} has no image; expected {path.with_stem(match[1])}")
                if match:
                    masks.setdefault(match[1], []).append(ImageFile(path))
            for stem, path in images.items():
                image = relative(path, root)
                examples.append(
                    Example(
                        id=image,
                        patient=groups.get(image, image) if self._group == "dup_group" else image,
                        image=ImageFile(path),
                        labels=frozenset({name}),
                        masks={"lesion": tuple(masks[stem])} if stem in masks else None,
                    )
                )
        if not examples:
            raise DataError(f"{root}: no image in {', '.join(CLASSES)}")
        if groups and groups.keys().isdisjoint(example.id for example in examples):
            what = f"names none of the images; expected names such as '{examples[0].id}'"
            raise DataError(f"{root / 'index.csv'}, column 'image': {what}")
        if self._conflicting == "keep":
            return examples
        labels: dict[str, set[str]] = defaultdict(set)
        for example in examples:
            labels[groups.get(example.id, example.id)] |= example.labels or set()
        return [example for example in examples if len(labels[groups.get(example.id, example.id)]) == 1]

    def _groups(self, table: Path) -> dict[str, str]:
        """By image, the name of its `dup_group`, if it has one."""
        if is_there(table):
            rows = read_table(table, ["image", "dup_group"]).rows
            return {row["image"]: f"group {row['dup_group']}" for row in rows if row["dup_group"]}
        if self._conflicting == "drop":
            raise DataError(
                f"conflicting: drop needs {table}, which says which images are near-duplicates; "
                f"'python -m ssmtl_sources.near_duplicates {table.parent}' writes it"
            )
        return {}
