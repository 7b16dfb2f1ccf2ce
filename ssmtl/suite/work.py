"""What a worker receives and what it reports: plain data, nothing heavy to import."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ssmtl.json_file import write_model
from ssmtl.suite.cell import Cell, Outcome, outcome_file

FINISHED, FAILED, BUSY = 0, 3, 4
"""Exit codes of a worker, besides `ssmtl.runs.signals.STOPPED` of a process that was stopped by a signal."""

PAUSED = "paused"
"""The status of a run that has trained as far as its work says, and not to its end."""


@dataclass(frozen=True)
class Work:
    """What a worker needs to know, as plain data.

    :param suite: the suite's folder. :param facts: of the cell. :param recipe: the cell's, resolved.
    :param time_limit: seconds after which the worker is ended; None for no limit.
    :param until: the step after which the worker pauses the run, saved; None: it trains to the end.
    :param tests: whether test images are evaluated at the end. :param command: for the run's record.
    """

    suite: str
    facts: dict[str, Any]
    recipe: dict[str, Any]
    threads: int
    data_root: str | None
    plugins: tuple[str, ...]
    time_limit: float | None = None
    until: int | None = None
    tests: bool = True
    command: tuple[str, ...] = ("ssmtl", "bench", "run")

    @classmethod
    def of(
        cls,
        cell: Cell,
        suite: Path,
        threads: int,
        data_root: Path | None,
        plugins: tuple[Path, ...],
        time_limit: float | None = None,
    ) -> Self:
        """:param suite: the suite's folder."""
        return cls(
            str(suite.resolve()),
            cell.facts(),
            cell.recipe.content(),
            threads,
            str(data_root.resolve()) if data_root else None,
            tuple(str(path.resolve()) for path in plugins),
            time_limit,
        )

    @property
    def cell(self) -> str:
        """The cell's name."""
        return str(self.facts["cell"])

    def text(self) -> str:
        """As JSON, for the worker's standard input."""
        return json.dumps(asdict(self))


def note(work: Work, *, status: str, error: str, seconds: float) -> None:
    """Write the cell's outcome atomically."""
    path = outcome_file(Path(work.suite), work.cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    outcome = Outcome(status=status, error=error, seconds=round(seconds, 1), threads=work.threads, **work.facts)
    write_model(path, outcome)
