"""The source `covid_chestxray`: frontal X-rays from papers and web pages (Cohen et al., 2020), with lung masks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ssmtl import DataError, Example, Folders, ImageFile
from ssmtl_sources.groups import groups_of
from ssmtl_sources.listing import inside, is_there, set_folder
from ssmtl_sources.table import Row, read_table

PUBLIC_SET = (
    "the covid-chestxray-dataset, https://github.com/ieee8023/covid-chestxray-dataset; its V7 lung masks: "
    "https://github.com/v7labs/covid-19-xray-dataset"
)
MASKS = {"v7": "annotations/v7-masks/{}.png", "lungvae": "annotations/lungVAE-masks/{}_mask.png"}
GROUPS = {"sex": "sex", "age": "age", "view": "view"}
UNKNOWN = frozenset({"", "todo", "unknown"})


class CovidChestxray:
    """Reads `images/` and `annotations/` by `index.csv` (column `image`) or the official `metadata.csv` (`filename`).

    Sex, age and view, as far as the table has them, are the groups of which `ssmtl evaluate` has a table.

    :param root: the folder that holds the table, or the one that holds `covid-chestxray-dataset`.
    :param masks: `v7`, drawn by people; `lungvae`, predicted by a model: never score against those.
    :param only: `with_masks` leaves out images without a mask.
    """

    def __init__(
        self,
        folders: Folders,
        /,
        *,
        root: str,
        masks: Literal["v7", "lungvae"] = "v7",
        only: Literal["all", "with_masks"] = "all",
    ) -> None:
        self._folders = folders
        self._root = root
        self._masks = masks
        self._only = only

    def examples(self) -> Sequence[Example]:
        """One label, the last part of the finding (`COVID-19`), or none if it is unknown; structure `lung`.

        Lateral views, CT and rows without a file are left out.

        :raises DataError: if the table, or every image in it, is missing.
        """
        folder = self._folders.find(self._root, public_set=PUBLIC_SET)
        root = set_folder(folder, ["covid-chestxray-dataset", "covid_chestxray"], ["index.csv", "metadata.csv"])
        official = not is_there(root / "index.csv")
        image_column = "filename" if official else "image"
        table = read_table(
            root / ("metadata.csv" if official else "index.csv"), [image_column, "patientid", "finding", "view"]
        )
        kept: dict[str, Example] = {}
        for row in table.rows:
            image = f"{row.cells.get('folder') or 'images'}/{row[image_column]}" if official else row[image_column]
            if _frontal(row) and image not in kept and is_there(inside(root, image)):
                kept[image] = self._example(root, row, image)
        if not kept:
            raise DataError(f"{table.path}: none of its frontal X-rays is under {root}")
        chosen = [example for example in kept.values() if self._only == "all" or example.masks]
        if not chosen:
            raise DataError(f"{root}: no image has a mask at {MASKS[self._masks].format('NAME')}")
        return chosen

    def _example(self, root: Path, row: Row, image: str) -> Example:
        finding = row["finding"].split("/")[-1].strip()
        mask = root / MASKS[self._masks].format(Path(image).stem)
        return Example(
            id=image,
            patient=row["patientid"] or image,
            image=ImageFile(root / image),
            labels=None if finding.lower() in UNKNOWN else frozenset({finding}),
            masks={"lung": (ImageFile(mask),)} if is_there(mask) else None,
            groups=groups_of(row, GROUPS),
        )


def _frontal(row: Row) -> bool:
    return row["view"].startswith(("PA", "AP")) and row.cells.get("modality", "X-ray") == "X-ray"
