"""Reads a suite's folder: its record, and the rows of its finished cells."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ssmtl.errors import RunError, nearest
from ssmtl.json_file import read_model
from ssmtl.regular_file import read_text
from ssmtl.runs.folder import check_own
from ssmtl.suite.suite_file import RECORD, SuiteRecord

PARTS_OF_PATHS = ("sources", "task", "domain", "cell")
"""Columns whose values become parts of paths."""

NEEDED = (
    "system", "budgets", "sources", "seed", "task", "labeled", "domain", "source", "metric", "higher_is_better", "unit",
    "value", "images", "cell",
)  # fmt: skip
"""Columns of results.csv that are read."""

DIRECTIONS = {"true": True, "false": False, "": None}

NAME = re.compile(r"(?!\.\.?$)[^/\\\0]+")


@dataclass(frozen=True)
class ResultRow:
    """One metric of one cell.

    :param budgets: of all the cell's tasks, as text. :param higher_is_better: None if neither direction is better.
    :param value: NaN if undefined. :param selection_labels: labelled validation images of the task that the weights
        were selected on; None if the file, of an earlier version, does not say.
    """

    system: str
    budgets: str
    sources: str
    seed: int
    task: str
    labeled: str
    domain: str
    source: str
    metric: str
    higher_is_better: bool | None
    unit: str
    value: float
    images: int
    selection_labels: int | None
    cell: str


@dataclass(frozen=True)
class SuiteResults:
    """:param suite: the content of suite.json."""

    folder: Path
    suite: SuiteRecord
    rows: tuple[ResultRow, ...]

    @property
    def reference(self) -> Path | None:
        """The file of published numbers; a relative path is relative to the folder."""
        return self.folder / self.suite.reference if self.suite.reference else None

    @property
    def systems(self) -> list[str]:
        """The systems that have rows, in the suite's order."""
        return [name for name in self.suite.systems if any(row.system == name for row in self.rows)]

    def label(self, system: str) -> str:
        """The system's name in tables."""
        return self.suite.names.get(system, system)

    def selection_labels(self) -> str:
        """A sentence on the labels that weights were selected with, by task; empty if the rows do not say."""
        by_task: dict[str, set[int]] = {}
        for row in self.rows:
            if row.selection_labels is not None:
                by_task.setdefault(row.task, set()).add(row.selection_labels)
        counts = {task: (min(numbers), max(numbers)) for task, numbers in by_task.items()}
        if not any(most for _, most in counts.values()):
            return ""
        texts = [f"{task} {least}" + (f" to {most}" if most > least else "") for task, (least, most) in counts.items()]
        return f"Labels of validation images, used to select weights and not counted above: {', '.join(texts)}."

    def known(self, system: str) -> str:
        """:param system: or its name in tables. :raises RunError: if the suite has no rows of the system."""
        by_name = {self.label(one): one for one in self.systems} | {one: one for one in self.systems}
        if system not in by_name:
            raise RunError(f"{self.folder}: no results for a system '{system}' ({nearest(system, by_name)})")
        return by_name[system]


def read_results(folder: Path) -> SuiteResults:
    """:raises RunError: if `folder` is not a suite's folder, or results.csv is missing or damaged."""
    try:
        check_own(folder)
        if not (folder / RECORD).is_file():
            raise FileNotFoundError(2, "no such file", RECORD)
        suite = read_model(folder / RECORD, SuiteRecord)
        rows = tuple(_row(fields) for fields in read_rows(folder / "results.csv", NEEDED))
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not a suite's folder: it has no {Path(error.filename).name}") from error
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise RunError(f"{folder}: results.csv cannot be read: {error}") from error
    return SuiteResults(folder, suite, rows)


def read_rows(path: Path, needed: Sequence[str] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file with a header.

    :param needed: columns that it must have.
    :raises OSError: if it is missing or not a regular file. :raises ValueError, csv.Error: if it is damaged.
    """
    reader = csv.DictReader(io.StringIO(read_text(path).removeprefix("\ufeff"), newline=""))
    if missing := [name for name in needed if name not in (reader.fieldnames or ())]:
        raise ValueError(f"it has no column '{missing[0]}' ({nearest(missing[0], reader.fieldnames or ())})")
    rows = list(reader)
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise ValueError(f"line {number} has another number of columns than the first")
    return rows


def _row(fields: Mapping[str, str]) -> ResultRow:
    for column in PARTS_OF_PATHS:
        if not NAME.fullmatch(fields[column]):
            raise ValueError(f"the {column} {fields[column]:.80} is not the name of a file")
    return ResultRow(
        fields["system"],
        fields["budgets"],
        fields["sources"],
        int(fields["seed"]),
        fields["task"],
        fields["labeled"],
        fields["domain"],
        fields["source"],
        fields["metric"],
        _direction(fields["higher_is_better"]),
        fields["unit"],
        float(fields["value"]) if fields["value"] else math.nan,
        _count(fields["images"]),
        int(fields["selection_labels"]) if fields.get("selection_labels") else None,
        fields["cell"],
    )


def _direction(text: str) -> bool | None:
    if text not in DIRECTIONS:
        raise ValueError(f"higher_is_better is '{text:.80}', expected true, false or nothing")
    return DIRECTIONS[text]


def _count(text: str) -> int:
    if int(text) < 0:
        raise ValueError(f"{text:.80} images")
    return int(text)
