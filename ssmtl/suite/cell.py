"""A cell: one run of a suite, and how it lies in the suite's folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from ssmtl.recipe import Recipe

Status = Literal["finished", "failed", "running", "waiting"]


@dataclass(frozen=True)
class Cell:
    """One run.

    :param budgets: labelled images by task, as the suite asks for them.
    :param name: of its folder; it ends in the hash of recipe, split and code.
    """

    system: str
    sources: str
    budgets: Mapping[str, Any]
    seed: int
    recipe: Recipe
    split_hash: str
    code: str
    name: str

    @property
    def asked(self) -> str:
        """The budgets as text, such as 'diagnosis=100 lungs=10'."""
        return " ".join(f"{task}={labeled}" for task, labeled in self.budgets.items())

    def facts(self) -> dict[str, Any]:
        """What tells it from the other cells, as plain data."""
        return {
            "cell": self.name,
            "system": self.system,
            "sources": self.sources,
            "budgets": dict(self.budgets),
            "seed": self.seed,
            "recipe_hash": self.recipe.digest(),
            "split_hash": self.split_hash,
            "code": self.code,
        }


def folder_of(suite: Path, cell: str) -> Path:
    """The cell's run folder."""
    return suite / "cells" / cell


def lock_of(suite: Path, cell: str) -> FileLock:
    """Held by the process that works on the cell; the system frees it when that process dies, however it does."""
    return FileLock(suite / "cells" / f".{cell}.lock")


def outcome_of(suite: Path, cell: str) -> Mapping[str, Any]:
    """What the cell's worker noted at its end; empty if it did not come to one."""
    path = folder_of(suite, cell) / "cell.json"
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return found


def status_of(suite: Path, cell: str) -> Status:
    """How far the cell is."""
    noted = outcome_of(suite, cell).get("status")
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
    try:
        with (folder_of(suite, cell) / "metrics.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 8192))
            lines = [line for line in file.read().split(b"\n")[:-1] if line.startswith(b'{"event"')]
        return int(json.loads(lines[-1])["step"])
    except (OSError, IndexError, ValueError, KeyError):
        return 0
