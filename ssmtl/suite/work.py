"""What a worker is told, and what it tells: plain data, nothing heavy to import."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ssmtl.suite.cell import Cell, folder_of
from ssmtl.whole_file import write_text

FINISHED, FAILED, STOPPED, BUSY = 0, 3, 4, 75
"""Exit codes."""


@dataclass(frozen=True)
class Work:
    """What a worker needs to know, as plain data.

    :param suite: the suite's folder. :param facts: of the cell. :param recipe: its resolved recipe.
    """

    suite: str
    facts: dict[str, Any]
    recipe: dict[str, Any]
    threads: int
    data_root: str | None
    plugins: tuple[str, ...]

    @classmethod
    def of(cls, cell: Cell, suite: Path, threads: int, data_root: Path | None, plugins: tuple[Path, ...]) -> Self:
        """:param suite: the suite's folder."""
        return cls(
            str(suite.resolve()),
            cell.facts(),
            cell.recipe.content(),
            threads,
            str(data_root.resolve()) if data_root else None,
            tuple(str(path.resolve()) for path in plugins),
        )

    @property
    def cell(self) -> str:
        """Its name."""
        return str(self.facts["cell"])

    def text(self) -> str:
        """As JSON, for the worker's standard input."""
        return json.dumps(asdict(self))


def note(work: Work, *, status: str, error: str, seconds: float) -> None:
    """Write the cell's outcome, whole or not at all."""
    folder = folder_of(Path(work.suite), work.cell)
    folder.mkdir(parents=True, exist_ok=True)
    content = {**work.facts, "status": status, "error": error, "seconds": round(seconds, 1), "threads": work.threads}
    write_text(folder / "cell.json", json.dumps(content, indent=1))
