"""A suite from its file to its rows and tables."""

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import torch
from filelock import FileLock

from ssmtl.contracts.folders import Folders
from ssmtl.errors import RunError, nearest
from ssmtl.json_file import read_model, write_model
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.folder import check_own
from ssmtl.runs.signals import STOPPED
from ssmtl.suite.cell import Cell, outcome_of
from ssmtl.suite.checked_rows import read_checked
from ssmtl.suite.executor import Executor
from ssmtl.suite.grid import cells_of
from ssmtl.suite.rows import append_rows, write_rows
from ssmtl.suite.suite_file import RECORD, Suite, SuiteRecord, read_suite, record_of
from ssmtl.suite.work import FAILED, FINISHED, Work, note


@dataclass(frozen=True)
class SuiteRun:
    """A suite, its cells, and its folder."""

    suite: Suite
    file: Path
    folder: Path
    cells: tuple[Cell, ...]

    def open(self) -> "SuiteRun":
        """Make the folder and write suite.json.

        :raises RunError: if the folder cannot be written.
        """
        try:
            (self.folder / "cells").mkdir(parents=True, exist_ok=True)
            write_model(self.folder / RECORD, record_of(self.suite, self.file))
        except OSError as error:
            raise RunError(f"the suite's folder {self.folder} cannot be written: {error.strerror}") from error
        return self

    def is_reported(self) -> bool:
        """Whether the folder's report is of these cells, and of all that the suite's file says now.

        A report that is older than the record is of a run that was killed before it wrote another. Nor is it of these
        cells if the rows beside it are not.
        """
        report, record, tables = (self.folder / name for name in ("report.html", RECORD, "tables/summary.csv"))
        if not all(path.is_file() for path in (report, record, tables)):
            return False
        try:
            results, listed = read_checked(self.folder)
        except RunError:
            return False
        told = results.suite == record_of(self.suite, self.file)
        names = sorted(row["cell"] for row in listed)
        return told and names == sorted(self.by_name) and report.stat().st_mtime >= record.stat().st_mtime

    def chosen(self, only: Sequence[str]) -> list[Cell]:
        """The cells whose system, its name in tables, or whose own name matches a pattern; all if there are none.

        :raises RunError: for a pattern that matches no cell.
        """
        names = self.suite.names

        def matches(cell: Cell, pattern: str) -> bool:
            return any(fnmatchcase(one, pattern) for one in (cell.system, names.get(cell.system, ""), cell.name))

        for pattern in only:
            if not any(matches(cell, pattern) for cell in self.cells):
                known = [*self.suite.systems, *names.values()]
                raise RunError(f"--only {pattern}: no such system or cell ({nearest(pattern, known)})")
        return [cell for cell in self.cells if not only or any(matches(cell, pattern) for pattern in only)]

    def unfinished(self, cells: Sequence[Cell]) -> list[Cell]:
        """The cells that are still to be run, failed ones included."""
        return [cell for cell in cells if outcome_of(self.folder, cell.name).status != "finished"]

    def write_rows(self) -> None:
        """Write results.csv and cells.csv for what is finished so far."""
        with self.locked():
            write_rows(self.folder, self.cells)

    def append_rows(self, name: str) -> None:
        """Add the rows of a cell that has just finished to results.csv."""
        with self.locked():
            append_rows(self.folder, self.by_name[name])

    def no_longer_asked(self) -> int:
        """How many finished cells the folder has that are not of this suite, as it is now: their rows are left out."""
        count = 0
        for path in (self.folder / "cells").glob("*"):
            with suppress(RunError):  # whatever else lies there
                count += path.name not in self.by_name and outcome_of(self.folder, path.name).status == "finished"
        return count

    @cached_property
    def by_name(self) -> dict[str, Cell]:
        """The cells by name."""
        return {cell.name: cell for cell in self.cells}

    def locked(self) -> FileLock:
        """Held while files beside the cells are written."""
        return FileLock(self.folder / ".lock")


def open_suite(file: Path, folder: Path | None, plugins: Plugins, folders: Folders) -> SuiteRun:
    """:param folder: None for runs/bench/NAME.

    :raises RecipeError: for an invalid suite or recipe. :raises DataError: for missing data or too large a budget.
    :raises RunError: if the folder holds a link.
    """
    torch.set_num_threads(1)  # for checks on tiny inputs; more would compete with running cells
    suite = read_suite(file)
    place = folder or Path("runs") / "bench" / suite.name
    check_own(place)
    _check_name(place, suite.name)
    cells = cells_of(suite, plugins, folders, file.parent)
    return SuiteRun(suite, file, place, tuple(cells))


def _check_name(folder: Path, name: str) -> None:
    """:raises RunError: if the folder is another suite's, whose rows, tables and report would be replaced."""
    other = name
    with suppress(RunError):  # none, or a damaged one
        other = read_model(folder / RECORD, SuiteRecord).name
    if other != name:
        raise RunError(f"{folder} is the folder of the suite '{other}', not of '{name}'; name another with --out")


def run_cells(
    work: Sequence[Work],
    executor: Executor,
    started: Callable[[Work], None],
    ended: Callable[[Work, bool], None],
    idle: Callable[[], None],
) -> int:
    """Run the work, recording a worker that dies as failed. Returns the number of failed cells."""
    failures = 0

    def finished(one: Work, code: int) -> None:
        nonlocal failures
        if code == -signal.SIGALRM and one.time_limit:
            error = f"the cell took longer than time_limit, {one.time_limit:g} seconds"
            note(one, status="failed", error=error, seconds=one.time_limit)
        elif code not in (FINISHED, FAILED, STOPPED):
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            note(one, status="failed", error=f"the worker died ({how}); see logs/{one.cell}.log", seconds=0)
        failures += code != FINISHED
        ended(one, code == FINISHED)

    executor.run(work, started, finished, idle)
    return failures
