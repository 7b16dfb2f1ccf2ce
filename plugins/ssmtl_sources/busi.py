"""The source `busi`: breast ultrasound (benign, malignant or normal) with lesion masks (Al-Dhabyani et al., 2020)."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ssmtl import DataError, Example, Folders, ImageFile, warn
from ssmtl_sources.conflicts import conflicting
from ssmtl_sources.listing import by_stem, images_in, is_there, relative, set_folder
from ssmtl_sources.table import Row, read_table

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
        these must be wrong, and byte-identical images with different labels, whatever their groups; a warning says how
        many. It needs `index.csv`.
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

        :raises DataError: if a class folder is missing, all are empty, a mask has no image, two images have one name,
            or labels that conflict are to be dropped and there is no `index.csv`; if a line of it puts an image that is
            not there into a group, or an image into a second one.
        """
        root = set_folder(self._folders.find(self._root, public_set=PUBLIC_SET), [SET], CLASSES)
        rows = self._rows(root / "index.csv")
        groups = {image: f"group {row['dup_group']}" for image, row in rows.items()}
        examples = []
        for name in CLASSES:
            paths = images_in(root / name)
            images = by_stem(path for path in paths if not MASK.fullmatch(path.stem))
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
        _check_named(rows, examples)
        if self._conflicting == "keep":
            return examples
        wrong = conflicting(examples, groups)
        if wrong:
            count = "1 image is" if len(wrong) == 1 else f"{len(wrong)} images are"
            warn(f"{root}: {count} left out (conflicting: drop): copies and near-duplicates with different labels")
        return [example for example in examples if example.id not in wrong]

    def _rows(self, table: Path) -> dict[str, Row]:
        """By image, the line that puts it into a `dup_group`."""
        if self._group == "image" and self._conflicting == "keep":
            return {}
        if is_there(table):
            named: dict[str, Row] = {}
            for row in read_table(table, ["image", "dup_group"]).rows:
                first = named.setdefault(row["image"], row)
                if first["dup_group"] != row["dup_group"]:
                    what = f"the image '{row['image']}' has '{row['dup_group']}'; line {first.line} says"
                    raise row.error("dup_group", f"{what} '{first['dup_group']}'")
            return {image: row for image, row in named.items() if row["dup_group"]}
        if self._conflicting == "drop":
            raise DataError(
                f"conflicting: drop needs {table}, which says which images are near-duplicates; "
                f"'python -m ssmtl_sources.near_duplicates {table.parent}' writes it"
            )
        return {}


def _check_named(rows: Mapping[str, Row], examples: Sequence[Example]) -> None:
    """:raises DataError: if a row's image is not there: where names have changed, a group has fallen apart unseen."""
    known = {example.id for example in examples}
    unknown = [row for image, row in rows.items() if image not in known]
    if not unknown:
        return
    if len(unknown) == len(rows):
        what = f"names none of the images; expected names such as '{examples[0].id}'"
        raise DataError(f"{unknown[0].table}, column 'image': {what}")
    others = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
    close = difflib.get_close_matches(unknown[0]["image"], known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    what = f"there is no image '{unknown[0]['image']}'{others}; {hint}expected names of files"
    raise unknown[0].error("image", what)
