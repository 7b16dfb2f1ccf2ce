"""Whether a suite's rows are what its cells say: a file that was cut or edited is not scored."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ssmtl.errors import RunError
from ssmtl.runs.files import Results
from ssmtl.runs.folder import damaged
from ssmtl.suite.cell import folder_of, outcome_file
from ssmtl.suite.results import ResultRow, SuiteResults, read_results, read_rows

Place = tuple[str, str, str]
"""Task, domain, metric."""


def read_checked(suite: Path) -> tuple[SuiteResults, tuple[Mapping[str, str], ...]]:
    """The results and the rows of cells.csv of a suite's folder.

    :raises RunError: if it is none, a file is missing or damaged, or a row is not what its cell says.
    """
    results = read_results(suite)
    try:
        listed = tuple(read_rows(suite / "cells.csv", ("cell", "system", "status")))
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{suite}: cells.csv cannot be read: {error}") from error
    check_rows(suite, results.rows, listed)
    return results, listed


def check_rows(suite: Path, rows: Sequence[ResultRow], listed: Sequence[Mapping[str, str]]) -> None:
    """Compare results.csv with the results of each cell that is there; committed results have no cells.

    :param listed: the rows of cells.csv, written together with results.csv.
    :raises RunError: naming cell, task, domain and metric.
    """
    by_cell: dict[str, list[ResultRow]] = {}
    for row in rows:
        by_cell.setdefault(row.cell, []).append(row)
    for cell, own in by_cell.items():
        run = folder_of(suite, cell)
        if run.results.is_file() or outcome_file(suite, cell).is_file():
            with damaged(run.path):
                _check_cell(suite, cell, own, run.read_results())
    for line in listed:
        cell = line.get("cell", "")
        if line.get("status") == "finished" and cell not in by_cell:
            raise _wrong(suite, f"the finished cell {cell} has no row")


def _check_cell(suite: Path, cell: str, own: Sequence[ResultRow], results: Results) -> None:
    told = {
        (task, domain, metric): value
        for task, domains in results.tasks.items()
        for domain, metrics in domains.items()
        for metric, value in metrics.items()
    }
    given: dict[Place, ResultRow] = {}
    for row in own:
        place = (row.task, row.domain, row.metric)
        if place in given:
            raise _wrong(suite, f"cell {cell}: {'.'.join(place)} occurs twice")
        given[place] = row
    if other := sorted(told.keys() ^ given.keys()):
        missing = "is missing" if other[0] in told else "is not among the cell's results"
        raise _wrong(suite, f"cell {cell}: {'.'.join(other[0])} {missing}")
    for place, value in told.items():
        row, facts = given[place], results.metrics[place[0]][place[2]]
        if not (_same(row.value, value) and row.higher_is_better == facts.higher_is_better):
            raise _wrong(
                suite, f"cell {cell}: {'.'.join(place)} is {row.value:g}, but the cell's results say {value:g}"
            )
        if row.images != results.counts[place[0]][place[1]]["images"]:
            raise _wrong(suite, f"cell {cell}: {'.'.join(place)} has {row.images} images, unlike the cell's results")


def _same(written: float, value: float) -> bool:
    """Six digits are written."""
    return (math.isnan(written) and math.isnan(value)) or math.isclose(written, value, rel_tol=1e-5, abs_tol=1e-9)


def _wrong(suite: Path, what: str) -> RunError:
    return RunError(f"{suite / 'results.csv'} was changed or cut: {what}. `ssmtl bench run` writes it anew")
