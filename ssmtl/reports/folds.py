"""The page of a cross-validation: the mean and the spread over folds."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev

from ssmtl.atomic_file import write_text
from ssmtl.errors import RunError
from ssmtl.json_file import FileModel, read_model
from ssmtl.reports.domains import in_order
from ssmtl.reports.page import render
from ssmtl.reports.table import PageTable, TableCell, decimal, whole
from ssmtl.runs.files import Results
from ssmtl.runs.folder import RunFolder, check_own
from ssmtl.runs.resume import lasting_digest
from ssmtl.suite.layout import head_of

TEMPLATE = "folds.html.j2"
RECORD = "folds.json"
"""Marks the folder of a cross-validation."""

NOTE = (
    "SD: the sample standard deviation over the folds. Any two folds share most of their training images, so that it "
    "says less about other training sets than the same spread over independent runs would."
)


class FoldsRecord(FileModel):
    """folds.json."""

    name: str
    seed: int
    folds: int


def fold_folder(folder: Path, number: int) -> RunFolder:
    """The run of one fold, from 1."""
    return RunFolder(folder / f"fold-{number}")


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the sample standard deviation of what is defined; NaN where there is too little."""
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan, stdev(known) if len(known) > 1 else math.nan


def read_folds(folder: Path) -> tuple[FoldsRecord, list[Results]]:
    """:raises RunError: if a fold is not finished or another one, or a file is damaged."""
    check_own(folder)
    record = read_model(folder / RECORD, FoldsRecord)
    results = []
    first = ""
    for number in range(1, record.folds + 1):
        run = fold_folder(folder, number)
        results.append(run.read_results())
        told = run.read_recipe().validated()
        if (told.fold, told.folds, told.seed) != (number, record.folds, record.seed):
            what = f"fold {number} of {record.folds} with seed {record.seed}"
            raise RunError(f"{run.path} is not {what}, as {RECORD} says")
        if told.digest() != results[-1].recipe_hash:
            raise RunError(f"{run.results} is of another recipe than {run.recipe}")
        same = lasting_digest(told.model_copy(update={"fold": None}))
        first = first or same
        if same != first:
            raise RunError(f"{run.path} is of another recipe than fold 1")
    return record, results


def rows_of(results: Sequence[Results]) -> Iterator[tuple[str, str, str, list[float]]]:
    """Task, domain, metric, and its value in each fold."""
    first = results[0]
    for task, domains in first.tasks.items():
        for domain in in_order(domains):
            for metric in domains[domain]:
                yield (
                    task,
                    domain,
                    metric,
                    [float(one.tasks.get(task, {}).get(domain, {}).get(metric, math.nan)) for one in results],
                )


def write_folds_report(folder: Path) -> Path:
    """Write `folds.csv` and `report.html` beside the folds' own folders.

    :raises RunError: as `read_folds`.
    """
    record, results = read_folds(folder)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("task", "domain", "metric", "mean", "std", *(f"fold_{n + 1}" for n in range(record.folds))))
    for task, domain, metric, values in rows_of(results):
        numbers = (*spread(values), *values)
        writer.writerow((task, domain, metric, *("" if math.isnan(one) else f"{one:.6g}" for one in numbers)))
    write_text(folder / "folds.csv", text.getvalue())
    page = folder / "report.html"
    write_text(
        page,
        render(TEMPLATE, name=record.name, seed=record.seed, folds=record.folds, tables=list(_tables(results)),
               runs=_runs(results), note=NOTE),
    )  # fmt: skip
    return page


def _tables(results: Sequence[Results]) -> Iterator[PageTable]:
    """One table per task and domain."""
    rows: dict[tuple[str, str], list[list[TableCell]]] = {}
    for task, domain, metric, values in rows_of(results):
        facts = results[0].metrics.get(task, {}).get(metric)
        counts = facts is not None and facts.is_count
        shown = whole if counts else decimal
        cells = [decimal(one) for one in spread(values)] + [shown(one) for one in values]
        rows.setdefault((task, domain), []).append([TableCell(head_of(metric, facts.unit if facts else "")), *cells])
    columns = ["metric", "mean", "SD", *(f"fold {number}" for number in range(1, len(results) + 1))]
    for (task, domain), own in rows.items():
        images = [one.counts.get(task, {}).get(domain, {}).get("images", 0) for one in results]
        yield PageTable(f"{task}, {domain} ({', '.join(map(str, images))} images)", columns, own)


def _runs(results: Sequence[Results]) -> PageTable:
    rows = [
        [
            TableCell(f"fold {number}"),
            TableCell("", links=[("report", f"fold-{number}/report.html")]),
            whole(one.selected.step),
            whole(one.seconds),
        ]
        for number, one in enumerate(results, start=1)
    ]
    return PageTable("Runs", ["fold", "page", "selected step", "seconds"], rows)
