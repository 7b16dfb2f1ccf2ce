"""The source `nih_chestxray14`: ChestX-ray14 (Wang et al., CVPR 2017), fourteen findings extracted from reports."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ssmtl import DataError, Example, Folders, ImageFile, open_file
from ssmtl_sources.groups import groups_of
from ssmtl_sources.listing import images_in, is_there
from ssmtl_sources.table import Table, read_table

PUBLIC_SET = "ChestX-ray14 of the NIH Clinical Center, https://nihcc.app.box.com/v/ChestXray-NIHCC"
IMAGE, FINDINGS, PATIENT = "Image Index", "Finding Labels", "Patient ID"
GROUPS = {"sex": "Patient Gender", "age": "Patient Age", "view": "View Position"}
OFFICIAL = (
    "Atelectasis|Cardiomegaly|Consolidation|Edema|Effusion|Emphysema|Fibrosis|Hernia|Infiltration|Mass|No Finding|"
    "Nodule|Pleural_Thickening|Pneumonia|Pneumothorax"
)


class NihChestxray14:
    """Reads `Data_Entry_2017*.csv` and `images/` or `images_001/images/` ... `images_012/images/`; a subset is enough.

    Sex, age and view (AP, PA), as far as the table has them, are the groups of which `ssmtl evaluate` has a table.

    :param root: the folder that holds the table (if there are two, `Data_Entry_2017_v2020.csv` is read).
    :param findings: keep the images with one of these and drop their other findings; None: all images and findings.
    :param keep_split: use `train_val_list.txt` and `test_list.txt` if they exist; otherwise the core splits by patient.
    """

    def __init__(
        self, folders: Folders, /, *, root: str, findings: list[str] | None = None, keep_split: bool = True
    ) -> None:
        self._folders = folders
        self._root = root
        self._findings = None if findings is None else frozenset(findings)
        self._keep_split = keep_split

    def examples(self) -> Sequence[Example]:
        """Labels as in the table (`No Finding`, `Pneumonia`, ...); no masks. Rows without a file are left out.

        :raises DataError: if the table, or every image in it, is missing, or a finding is unknown.
        """
        root = self._folders.find(self._root, public_set=PUBLIC_SET)
        table = _table(root)
        self._check_findings(table)
        files = _files(root)
        if not any(row[IMAGE] in files for row in table.rows):
            raise DataError(f"{root}: no image of {table.path.name} in images/ or images_*/images/")
        splits = _official_split(root) if self._keep_split else {}
        examples = []
        for row in table.rows:
            findings = frozenset(name.strip() for name in row[FINDINGS].split("|") if name.strip())
            labels = findings if self._findings is None else findings & self._findings
            if row[IMAGE] in files and (labels or self._findings is None):
                examples.append(
                    Example(
                        id=row[IMAGE],
                        patient=row[PATIENT],
                        image=ImageFile(files[row[IMAGE]]),
                        labels=labels or None,
                        split=splits.get(row[IMAGE]),
                        groups=groups_of(row, GROUPS),
                    )
                )
        if not examples:
            raise DataError(f"{root}: no image with a finding among {', '.join(sorted(self._findings or ()))}")
        return examples

    def _check_findings(self, table: Table) -> None:
        known = {*OFFICIAL.split("|"), *(name.strip() for row in table.rows for name in row[FINDINGS].split("|"))}
        for finding in sorted((self._findings or frozenset()) - known):
            close = difflib.get_close_matches(finding, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known))}"
            raise DataError(f"{table.path}: no finding '{finding}'; {hint}")


def _table(root: Path) -> Table:
    tables = sorted(root.glob("Data_Entry_2017*.csv"))
    if not tables:
        raise DataError(f"{root} holds no Data_Entry_2017*.csv. Get {PUBLIC_SET}")
    return read_table(tables[-1], [IMAGE, FINDINGS, PATIENT])


def _files(root: Path) -> dict[str, Path]:
    folders = [folder for folder in (root / "images", *sorted(root.glob("images_*/images"))) if folder.is_dir()]
    return {path.name: path for folder in folders for path in images_in(folder)}


def _official_split(root: Path) -> dict[str, Literal["train", "test"]]:
    splits: dict[str, Literal["train", "test"]] = {}
    names: tuple[tuple[str, Literal["train", "test"]], ...] = (
        ("train_val_list.txt", "train"),
        ("test_list.txt", "test"),
    )
    for name, split in names:
        listed = root / name
        if is_there(listed):
            splits |= dict.fromkeys(_names_in(listed), split)
    return splits


def _names_in(listed: Path) -> list[str]:
    try:
        with open_file(listed) as file:
            return file.read().decode("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{listed} cannot be read: {error}") from error
