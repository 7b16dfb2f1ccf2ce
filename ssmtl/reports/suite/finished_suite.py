"""A suite's folder as its report reads it: rows, cells, and the cells' run folders one by one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from ssmtl.errors import RunError
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.runs.files import Results
from ssmtl.suite.checked_rows import read_checked
from ssmtl.suite.results import SuiteResults
from ssmtl.suite.suite_file import Compare


@dataclass(frozen=True)
class CellRun:
    """A finished cell. :param budgets: labels by task, as in the suite."""

    name: str
    system: str
    sources: str
    seed: int
    budgets: Mapping[str, str]
    folder: Path


@dataclass(frozen=True)
class FinishedSuite:
    """:param listed: rows of cells.csv, finished or not. :param cells: the finished ones, in the order of rows."""

    folder: Path
    results: SuiteResults
    listed: tuple[Mapping[str, str], ...]
    cells: tuple[CellRun, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """:raises RunError: if it is not a suite's folder, or a file cannot be read."""
        results, listed = read_checked(folder)
        firsts = {row.cell: row for row in reversed(results.rows)}
        cells = [
            CellRun(name, row.system, row.sources, row.seed, labels_of(row.budgets), folder / "cells" / name)
            for name, row in reversed(firsts.items())
        ]
        return cls(folder, results, listed, tuple(cells))

    @property
    def compared(self) -> Compare | None:
        """The suite's first comparison, if it has any."""
        return next(iter(self.results.suite.compare), None)

    @property
    def sources(self) -> list[str]:
        """Sources files, each once."""
        return list(dict.fromkeys(cell.sources for cell in self.cells))

    def main(self, sources: str) -> dict[str, list[CellRun]]:
        """By system, its cells at the label budgets that most systems share, one cell per seed."""
        own = [cell for cell in self.cells if cell.sources == sources]
        common = {}
        for task in dict.fromkeys(task for cell in own for task in cell.budgets):
            users: dict[str, set[str]] = {}
            for cell in own:
                if task in cell.budgets:
                    users.setdefault(cell.budgets[task], set()).add(cell.system)
            common[task] = max(users, key=lambda count: len(users[count]))
        by_system: dict[str, list[CellRun]] = {}
        for system in self.results.systems:
            matching = [
                cell
                for cell in own
                if cell.system == system and all(cell.budgets[task] == common[task] for task in cell.budgets)
            ]
            if matching:
                by_system[system] = matching
        return by_system

    def focus(self, task: str, systems: list[str], most: int) -> list[str]:
        """At most `most` of the systems: that of the first comparison and its rivals for this task come first."""
        compared = self.compared
        first = [compared.system, *compared.against.get(task, ())] if compared else []
        wanted = dict.fromkeys([*first, *systems])
        picked = [name for name in wanted if name in systems][:most]
        return [name for name in systems if name in picked]

    def left_out(self, systems: Iterable[str], shown: Iterable[str], why: str) -> str:
        """A sentence that names the systems that a figure could show and does not; empty if there are none."""
        names = [self.label(name) for name in systems if name not in set(shown)]
        return f" Not shown ({why}): {', '.join(names)}." if names else ""

    def label(self, system: str) -> str:
        """The system's name in tables."""
        return self.results.label(system)


def labels_of(budgets: str) -> dict[str, str]:
    """'diagnosis=100 lungs=10' by task."""
    return dict(part.split("=", 1) for part in budgets.split())


@lru_cache(maxsize=256)
def run_of(folder: Path) -> FinishedRun:
    """:raises RunError: if the cell's folder is damaged."""
    return FinishedRun.read(folder)


def results_of(folder: Path) -> Results:
    """:raises RunError: if the cell's folder is damaged."""
    results = run_of(folder).results
    if results is None:
        raise RunError(f"{folder} has no results.json")
    return results


def predictions_of(cell: CellRun, *needed: str) -> Iterator[StoredPredictions]:
    """The cell's predictions that hold these arrays."""
    for item in run_of(cell.folder).predictions:
        if all(name in item and len(item[name]) for name in needed):
            yield item


def places_of(cells: Mapping[str, list[CellRun]], *needed: str) -> list[tuple[str, str]]:
    """(task, domain) of every system's first cell that holds these arrays, each once."""
    places = [(item.task, item.domain) for runs in cells.values() for item in predictions_of(runs[0], *needed)]
    return list(dict.fromkeys(places))


def item_of(cell: CellRun, place: tuple[str, str], *needed: str) -> StoredPredictions | None:
    """The cell's predictions of one (task, domain); None if it lacks them."""
    return next((item for item in predictions_of(cell, *needed) if (item.task, item.domain) == place), None)
