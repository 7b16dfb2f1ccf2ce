"""The source `manifest`: your own images, listed in a CSV table."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from ssmtl import DataError, Example, Folders, ImageFile, Pixels
from ssmtl_sources.groups import GROUPS, groups_of
from ssmtl_sources.listing import LeadsOutError, relative
from ssmtl_sources.named_files import NamedFiles
from ssmtl_sources.patient_column import patients_of
from ssmtl_sources.splits import SplitName
from ssmtl_sources.table import Row, Table, read_table

YES, NO = ("1", "1.0"), ("0", "0.0")  # pandas writes 1.0 in a column with gaps


class Manifest:
    """A table with one line per image; paths are relative to its folder. An empty cell: nothing is known of it.

    The columns sex, age (in years, or bands), age_band, view and site, if there are any, give the groups of which
    `ssmtl evaluate` has a table.

    :param root: the folder of the table.
    :param file: the table's name.
    :param image: column with the path of the image.
    :param label: column with its class, or with several classes separated by `|`.
    :param labels: columns of 0 or 1, each with the name of its class; an empty cell: not known for this image.
    :param numbers: columns of numbers, such as an age; an empty cell: not known for this image.
    :param mask: column with mask paths, those to be united separated by `;`; its name is that of the structure.
    :param masks: the same for several structures, or under other names: structure → column.
    :param patient: column with the patient; None: `patient` if that column exists, otherwise each image is a patient.
    :param outside: whether paths may lead out of the table's folder.
    :param split: column with `train`, `val`, `test` or nothing; None: `split` if that column exists, otherwise the core
        splits.
    """

    def __init__(
        self,
        folders: Folders,
        /,
        *,
        root: str,
        file: str = "manifest.csv",
        image: str = "image",
        label: str | None = None,
        labels: list[str] | None = None,
        numbers: list[str] | None = None,
        mask: str | None = None,
        masks: dict[str, str] | None = None,
        patient: str | None = None,
        split: str | None = None,
        outside: bool = False,
    ) -> None:
        if label is not None and labels is not None:
            raise DataError("both 'label' and 'labels' are given; expected one of them")
        if mask is not None and masks is not None:
            raise DataError("both 'mask' and 'masks' are given; expected one of them")
        self._folders = folders
        self._root = root
        self._file = file
        self._image = image
        self._label = label
        self._labels = labels
        self._numbers = numbers or []
        self._masks = {mask: mask} if mask is not None else masks or {}
        self._patient = patient
        self._split = split
        self._outside = outside

    def examples(self) -> Sequence[Example]:
        """The images in the order of the table.

        :raises DataError: for the first mistake; it names the file, line and column.
        """
        path = self._folders.find(self._root) / self._file
        asked = [
            self._image,
            self._label,
            *(self._labels or []),
            *self._numbers,
            *self._masks.values(),
            self._patient,
            self._split,
        ]
        table = read_table(path, [column for column in asked if column is not None])
        patient = _optional(table, self._patient, "patient")
        split = _optional(table, self._split, "split")
        patients = patients_of(table, patient) if patient else {}
        groups = {column.lower(): column for column in table.columns if column.lower() in GROUPS}
        files = NamedFiles(path.parent, self._outside)
        start = os.path.join(path.parent, "")
        first: dict[str, Row] = {}
        examples = []
        for row in table.rows:
            image, real = _file(row, self._image, row[self._image], files)
            before = first.setdefault(real, row)
            if before is not row:
                cells = row[self._image], before[self._image]
                called = "" if cells[0] == cells[1] else f", as '{cells[1]}'"
                raise row.error(self._image, f"'{cells[0]}' is already on line {before.line}{called}")
            name = image.as_posix()
            if str(image).startswith(start):
                name = name[len(start) :]
            elif image.is_relative_to(path.parent):
                name = relative(image, path.parent)
            examples.append(
                Example(
                    id=name,
                    patient=patients.get(row.line) or name,
                    image=ImageFile(image),
                    labels=self._labels_of(row),
                    unknown=self._unknown_of(row),
                    numbers=self._numbers_of(row),
                    masks=self._masks_of(row, files),
                    split=_split_of(row, split) if split else None,
                    groups=groups_of(row, groups),
                )
            )
        return examples

    def _labels_of(self, row: Row) -> frozenset[str] | None:
        if self._label is not None:
            return frozenset(name.strip() for name in row[self._label].split("|") if name.strip()) or None
        if self._labels is None:
            return None
        for column in self._labels:
            if row[column] not in ("", *YES, *NO):
                raise row.error(column, f"'{row[column]}'; expected 0, 1 or nothing")
        if not any(row[column] for column in self._labels):
            return None
        return frozenset(column for column in self._labels if row[column] in YES)

    def _unknown_of(self, row: Row) -> frozenset[str]:
        empty = frozenset(column for column in self._labels or () if not row[column])
        return empty if len(empty) < len(self._labels or ()) else frozenset()

    def _numbers_of(self, row: Row) -> Mapping[str, float] | None:
        found = {}
        for column in self._numbers:
            if row[column]:
                try:
                    found[column] = float(row[column])
                except ValueError:
                    found[column] = math.nan
                if not math.isfinite(found[column]):
                    raise row.error(column, f"'{row[column]}'; expected a number or nothing")
        return found or None

    def _masks_of(self, row: Row, files: NamedFiles) -> Mapping[str, tuple[Pixels, ...]] | None:
        return {
            structure: tuple(ImageFile(_file(row, column, part.strip(), files)[0]) for part in row[column].split(";"))
            for structure, column in self._masks.items()
            if row[column]
        } or None


def _optional(table: Table, asked: str | None, usual: str) -> str | None:
    if asked is not None:
        return asked
    return usual if usual in table.columns else None


def _file(row: Row, column: str, cell: str, files: NamedFiles) -> tuple[Path, str]:
    """The path, and where it leads to."""
    if not cell:
        raise row.error(column, "the path is missing")
    try:
        return files.find(cell)
    except LeadsOutError as error:
        raise row.error(column, f"{error}; 'outside: true' in the sources file allows it") from error
    except DataError as error:
        raise row.error(column, str(error)) from error
    except FileNotFoundError as error:
        looked = f"looked for {error.args[0]}; paths are relative to the table's folder"
        raise row.error(column, f"no file '{cell}' ({looked})") from error


def _split_of(row: Row, column: str) -> SplitName | None:
    names: dict[str, SplitName] = {name: name for name in get_args(SplitName)}
    if row[column] and row[column] not in names:
        raise row.error(column, f"'{row[column]}'; expected {', '.join(names)} or nothing")
    return names.get(row[column])
