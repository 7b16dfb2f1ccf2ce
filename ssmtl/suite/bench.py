"""A suite from its file to its report."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from filelock import FileLock

from ssmtl.data.folders import Folders
from ssmtl.errors import RunError, nearest
from ssmtl.plugins import Plugins
from ssmtl.suite.cell import Cell, outcome_of
from ssmtl.suite.executor import Executor
from ssmtl.suite.grid import cells_of
from ssmtl.suite.rows import write_rows
from ssmtl.suite.suite_file import Suite, described, read_suite
from ssmtl.suite.work import FAILED, FINISHED, STOPPED, Work, note
from ssmtl.whole_file import write_text


@dataclass(frozen=True)
class Bench:
    """A suite, its cells, and its folder."""

    suite: Suite
    file: Path
    folder: Path
    cells: tuple[Cell, ...]

    def open(self) -> "Bench":
        """Make the folder and note what the suite is.

        :raises RunError: if the folder cannot be written.
        """
        try:
            (self.folder / "cells").mkdir(parents=True, exist_ok=True)
            write_text(self.folder / "suite.json", json.dumps(described(self.suite, self.file), indent=1))
        except OSError as error:
            raise RunError(f"the suite's folder {self.folder} cannot be written: {error.strerror}") from error
        return self

    def chosen(self, only: Sequence[str]) -> list[Cell]:
        """The cells whose system or name fits one of the patterns; all of them without any.

        :raises RunError: for a pattern that fits none.
        """
        for pattern in only:
            if not any(_fits(cell, pattern) for cell in self.cells):
                raise RunError(f"--only {pattern}: no such system or cell ({nearest(pattern, self.suite.systems)})")
        return [cell for cell in self.cells if not only or any(_fits(cell, pattern) for pattern in only)]

    def unfinished(self, cells: Sequence[Cell]) -> list[Cell]:
        """Those that are still to be run; a failed cell is one of them."""
        return [cell for cell in cells if outcome_of(self.folder, cell.name).get("status") != "finished"]

    def write_rows(self) -> None:
        """The rows of what is finished so far."""
        with FileLock(self.folder / ".lock"):
            write_rows(self.folder, self.cells)

    def write_pages(self) -> Path:
        """Rows, tables, figures and the report, whose place is returned."""
        from ssmtl.report import write_suite_report
        from ssmtl.suite.tables import write_tables

        with FileLock(self.folder / ".lock"):
            write_rows(self.folder, self.cells)
            write_tables(self.folder)
            return write_suite_report(self.folder)


def _fits(cell: Cell, pattern: str) -> bool:
    return fnmatchcase(cell.system, pattern) or fnmatchcase(cell.name, pattern)


def read_bench(file: Path, folder: Path | None, plugins: Plugins, folders: Folders) -> Bench:
    """:param folder: None: runs/bench/NAME.

    :raises RecipeError, DataError: as the recipes and the data do.
    """
    torch.set_num_threads(1)  # for checks on tiny inputs; more would only wait for the cells that run beside this
    suite = read_suite(file)
    cells = cells_of(suite, plugins, folders, file.parent)
    return Bench(suite, file, folder or Path("runs") / "bench" / suite.name, tuple(cells))


def run_cells(
    work: Sequence[Work],
    executor: Executor,
    started: Callable[[Work], None],
    ended: Callable[[Work, bool], None],
    idle: Callable[[], None],
) -> int:
    """Run the work; a worker that dies is noted as failed. Returns how many cells failed."""
    failures = 0

    def finished(one: Work, code: int) -> None:
        nonlocal failures
        if code not in (FINISHED, FAILED, STOPPED):
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            note(one, status="failed", error=f"the worker died ({how}); see logs/{one.cell}.log", seconds=0)
        failures += code != FINISHED
        ended(one, code == FINISHED)

    executor.run(work, started, finished, idle)
    return failures
