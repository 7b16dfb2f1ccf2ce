"""What a suite's finished cells found, as two CSV files that no order of work can change."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssmtl.suite.cell import Cell, folder_of, outcome_of, status_of
from ssmtl.whole_file import write_text

COLUMNS = (
    "system", "budgets", "sources", "seed", "task", "labeled", "domain", "source", "metric", "value", "images", "step",
    "cell", "recipe_hash", "split_hash", "code", "commit", "versions",
)  # fmt: skip
CELL_COLUMNS = ("cell", "system", "sources", "seed", "budgets", "status", "seconds", "threads", "error")


def write_rows(suite: Path, cells: Sequence[Cell]) -> None:
    """`results.csv`, a row a metric of each finished cell; `cells.csv`, a row a cell with its time and error."""
    write_text(suite / "results.csv", _csv(COLUMNS, (row for cell in cells for row in _rows(suite, cell))))
    write_text(suite / "cells.csv", _csv(CELL_COLUMNS, (_cell(suite, cell) for cell in cells)))


def _rows(suite: Path, cell: Cell) -> Iterator[tuple[object, ...]]:
    if outcome_of(suite, cell.name).get("status") != "finished":
        return
    folder = folder_of(suite, cell.name)
    found, made = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("results.json", "environment.json")
    )
    came_from = (cell.name, cell.recipe.digest(), cell.split_hash, cell.code, made["commit"] or "", _versions(made))
    for task, domains in found["tasks"].items():
        labeled = cell.recipe.tasks[task].labeled
        for domain, metrics in domains.items():
            where = (task, labeled, domain, found["sources"][task][domain])
            images, step = found["counts"][task][domain]["images"], found["selected"]["step"]
            for metric, value in metrics.items():
                yield (
                    cell.system, cell.asked, cell.sources, cell.seed, *where, metric, _number(value), images, step,
                    *came_from,
                )  # fmt: skip


def _cell(suite: Path, cell: Cell) -> tuple[object, ...]:
    noted = outcome_of(suite, cell.name)
    facts = (cell.name, cell.system, cell.sources, cell.seed, cell.asked, status_of(suite, cell.name))
    return (*facts, noted.get("seconds", ""), noted.get("threads", ""), noted.get("error", ""))


def _versions(made: Mapping[str, Any]) -> str:
    return f"ssmtl {made['ssmtl']}; python {made['python']}; torch {made['versions'].get('torch', '?')}"


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def _csv(columns: Sequence[str], rows: Iterator[tuple[object, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
