"""A cell: one run of a suite, and its place in the suite's folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from ssmtl.errors import RunError
from ssmtl.json_file import FileModel, read_model
from ssmtl.recipe.models import Recipe
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.log import last_step

Status = Literal["finished", "failed", "running", "waiting"]


@dataclass(frozen=True)
class Point:
    """A run that a suite asks for. :param budgets: labelled images by task, as the suite asks for them."""

    system: str
    sources: str
    budgets: Mapping[str, Any]
    seed: int
    recipe: Recipe

    @property
    def budget_text(self) -> str:
        """The budgets as text, such as 'diagnosis=100 lungs=10'."""
        return " ".join(f"{task}={labeled}" for task, labeled in self.budgets.items())


@dataclass(frozen=True)
class Cell(Point):
    """One run, with its data and code. :param name: of its folder; ends in a hash of recipe, split and code."""

    split_hash: str
    data_hash: str
    code: str
    name: str

    def facts(self) -> dict[str, Any]:
        """What distinguishes it from the other cells, as plain data."""
        return {
            "cell": self.name,
            "system": self.system,
            "sources": self.sources,
            "budgets": dict(self.budgets),
            "seed": self.seed,
            "recipe_hash": self.recipe.digest(),
            "split_hash": self.split_hash,
            "data_hash": self.data_hash,
            "code": self.code,
        }


class Outcome(FileModel):
    """cell.json: how the cell's worker ended.

    :param cell: its name. :param status: empty if it has not ended or was killed.
    """

    cell: str = ""
    status: str = ""
    error: str = ""
    seconds: float = 0.0
    threads: int = 0


def folder_of(suite: Path, cell: str) -> RunFolder:
    """The cell's run folder."""
    return RunFolder(suite / "cells" / cell)


def lock_of(suite: Path, cell: str) -> FileLock:
    """Held by the process that works on the cell; the operating system frees it when that process dies."""
    return FileLock(suite / "cells" / f".{cell}.lock")


def outcome_file(suite: Path, cell: str) -> Path:
    """cell.json, beside the run's own files."""
    return folder_of(suite, cell).path / "cell.json"


def outcome_of(suite: Path, cell: str) -> Outcome:
    """:raises RunError: if the file is damaged, or of another cell, so that its numbers would count for this one."""
    path = outcome_file(suite, cell)
    noted = read_model(path, Outcome) if path.is_file() else Outcome()
    if noted.cell not in ("", cell):
        raise RunError(f"{path} is that of the cell '{noted.cell:.200}'. Remove the folder, and the cell is run again")
    return noted


def status_of(suite: Path, cell: str) -> Status:
    """Whether the cell is finished, failed, running or waiting."""
    noted = outcome_of(suite, cell).status
    if noted == "finished":
        return "finished"
    if (suite / "cells" / f".{cell}.lock").exists():
        try:
            with lock_of(suite, cell).acquire(timeout=0):
                pass
        except Timeout:
            return "running"
    return "failed" if noted == "failed" else "waiting"


def step_of(suite: Path, cell: str) -> int:
    """The last step that a running cell logged; 0 before the first."""
    return last_step(folder_of(suite, cell).log)
