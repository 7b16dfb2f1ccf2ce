"""The results of a suite's finished cells, as two CSV files that do not depend on the order of work."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.errors import RunError
from ssmtl.runs.files import Environment, Results
from ssmtl.runs.folder import damaged
from ssmtl.suite.cell import Cell, folder_of, outcome_of, status_of

COLUMNS = (
    "system", "budgets", "sources", "seed", "task", "labeled", "domain", "source", "metric", "higher_is_better", "unit",
    "value", "images", "step", "selection_labels", "cell", "recipe_hash", "split_hash", "code", "commit", "versions",
)  # fmt: skip
CELL_COLUMNS = ("cell", "system", "sources", "seed", "budgets", "status", "seconds", "threads", "error")


def write_rows(suite: Path, cells: Sequence[Cell]) -> None:
    """`results.csv`: one row per metric of each finished cell; `cells.csv`: one row per cell, with time and error."""
    write_text(suite / "results.csv", _csv(COLUMNS, (row for cell in cells for row in _rows(suite, cell))))
    write_text(suite / "cells.csv", _csv(CELL_COLUMNS, (_cell(suite, cell) for cell in cells)))


def append_rows(suite: Path, cell: Cell) -> None:
    """Add the rows of a cell that has just finished to `results.csv`, in one write; `write_rows` orders them later."""
    text = _csv(None, _rows(suite, cell))
    with (suite / "results.csv").open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def _rows(suite: Path, cell: Cell) -> Iterator[tuple[object, ...]]:
    if outcome_of(suite, cell.name).status != "finished":
        return
    folder = folder_of(suite, cell.name)
    try:
        results, made = folder.read_results(), folder.read_environment()
    except RunError as error:
        raise RunError(f"{error}. Remove the folder {folder.path}, and the cell is run again") from error
    if results.recipe_hash != cell.recipe.digest():
        raise RunError(f"{folder.results} is of another recipe than the cell. Remove its folder, and it is run again")
    came_from = (cell.name, cell.recipe.digest(), cell.split_hash, cell.code, made.commit or "", _versions(made))
    with damaged(folder.path):
        yield from _told(cell, results, came_from)


def _told(cell: Cell, results: Results, came_from: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    for task, domains in results.tasks.items():
        labeled = cell.recipe.tasks[task].labeled
        for domain, metrics in domains.items():
            where = (task, labeled, domain, results.sources[task][domain])
            images, step = results.counts[task][domain]["images"], results.selected.step
            selection = results.budgets[task].val if results.selected.by == "validation" else 0
            for metric, value in metrics.items():
                facts = results.metrics[task][metric]
                better = "" if facts.higher_is_better is None else str(facts.higher_is_better).lower()
                yield (
                    cell.system, cell.budget_text, cell.sources, cell.seed, *where, metric, better, facts.unit,
                    _number(value), images, step, selection, *came_from,
                )  # fmt: skip


def _cell(suite: Path, cell: Cell) -> tuple[object, ...]:
    noted = outcome_of(suite, cell.name)
    facts = (cell.name, cell.system, cell.sources, cell.seed, cell.budget_text, status_of(suite, cell.name))
    return (*facts, noted.seconds, noted.threads, noted.error) if noted.status else (*facts, "", "", "")


def _versions(made: Environment) -> str:
    return f"ssmtl {made.ssmtl}; python {made.python}; torch {made.versions.get('torch', '?')}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _csv(columns: Sequence[str] | None, rows: Iterator[tuple[object, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if columns is not None:
        writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
