"""The tables of a suite's page."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from ssmtl.reports.suite.finished_suite import FinishedSuite
from ssmtl.reports.table import UNDEFINED, PageTable, TableCell, decimal, whole
from ssmtl.suite.aggregate import aggregated
from ssmtl.suite.footnotes import PUBLISHED, Footnotes
from ssmtl.suite.layout import Layout, Line, Place, domain_words, head_of, layouts
from ssmtl.suite.p_value import p_text
from ssmtl.suite.reference import Reference
from ssmtl.suite.results import read_rows

FIRST = 4
"""Metrics of one table, so that it fits a page."""

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def results(suite: FinishedSuite) -> Iterator[PageTable]:
    """One table per sources file, domain and task: one row per system and budgets, ours with the published numbers.

    The metrics that the suite compares come first; more than `FIRST` are divided evenly between several tables.
    """
    reference = Reference.read(suite.results.reference)
    for layout in layouts(suite.results, aggregated(suite.results.rows), reference):
        for task in layout.tasks:
            columns = [column for column in layout.columns if column[0] == task]
            compared = _compared(suite, task)
            columns.sort(key=lambda column: column[1] not in compared)
            count = math.ceil(len(columns) / FIRST)
            for place in range(count):
                start, end = (len(columns) * edge // count for edge in (place, place + 1))
                yield _task(suite, layout, task, columns[start:end], place, count)


def _compared(suite: FinishedSuite, task: str) -> set[str]:
    """The metrics in which the suite compares systems."""
    return {metric for one in suite.results.suite.compare for metric in one.metrics.get(task, ())}


def _task(
    suite: FinishedSuite, layout: Layout, task: str, columns: Sequence[tuple[str, str]], place: int, count: int
) -> PageTable:
    """:param place: of the table among the `count` tables of the task, from 0."""
    notes = Footnotes()
    lines = [line for line in layout.lines if task in line.labeled]
    seeds = {cell.name: cell.seed for cell in suite.cells}
    names = dict(zip(layout.columns, layout.heads, strict=True))
    heads = [
        "system",
        *(f"{name} labels" for name in layout.tasks),
        "n",
        "runs",
        *(names[column] for column in columns),
    ]
    rows = [
        [
            TableCell(line.label),
            *(_labels(line, name) for name in layout.tasks),
            whole(line.n),
            _runs(line, task, seeds),
            *(_place(line.places.get(column), notes) for column in columns),
        ]
        for line in lines
    ]
    flags = [f"{str(number).translate(RAISED)} {text}." for text, number in notes.texts.items()]
    published = any(place.published for line in lines for place in line.places.values())
    note = (
        "See the notes below the first of these tables."
        if place
        else f"{' '.join(layout.notes)} Each seed links to its run. {suite.results.selection_labels()}"
    )
    if published:
        note = f"{note} {PUBLISHED}"
    which = f", table {place + 1} of {count}" if count > 1 else ""
    title = f"{task}, {domain_words(layout.domain)} ({layout.sources}){which}"
    return PageTable(title, heads, rows, " ".join([note, *flags]).rstrip())


def _labels(line: Line, task: str) -> TableCell:
    budget = line.labeled.get(task, "")
    return TableCell(budget or UNDEFINED, float(budget) if budget.isdigit() else math.inf if budget else math.nan)


def _place(place: Place | None, notes: Footnotes) -> TableCell:
    if place is None:
        return TableCell("", math.nan)
    mark = notes.mark(place).translate(RAISED)
    theirs = f" ({place.theirs}{mark})" if place.theirs else ""
    return TableCell(place.ours + theirs, place.summary.mean, best=place.best)


def _runs(line: Line, task: str, seeds: Mapping[str, int]) -> TableCell:
    cells = next(place.summary.cells for (name, _), place in line.places.items() if name == task)
    links = [(str(seeds[cell]), f"cells/{quote(cell)}/") for cell in cells]
    return TableCell("", float(len(links)), links)


def significance(suite: FinishedSuite) -> PageTable | None:
    """`tables/significance.csv`, if the suite has comparisons."""
    path = suite.folder / "tables" / "significance.csv"
    if not path.is_file():
        return None
    compared = read_rows(path)
    units = {(row.task, row.metric): row.unit for row in suite.results.rows}
    rows = [
        [
            TableCell(row["question"]),
            TableCell(
                f"{row['task']}, {domain_words(row['domain'])}: "
                f"{head_of(row['metric'], units.get((row['task'], row['metric']), ''))}"
            ),
            TableCell(f"{suite.results.label(row['system'])} − {suite.results.label(row['against'])}"),
            TableCell(row["budgets"]),
            decimal(row["difference"], signed=True),
            _interval(row["seeds_low"], row["seeds_high"]),
            _p(row["p_t"]),
            _p(row["p_t_holm"]),
            decimal(row["detectable"]),
            whole(row["seeds"]),
            _interval(row["low"], row["high"]),
            _p(row["p_boot"], floor=_at_floor(row)),
            _p(row["p_boot_holm"], floor=_at_floor(row)),
            whole(row["patients"]),
        ]
        for row in compared
    ]
    heads = [
        "question",
        "metric",
        "difference of",
        "budgets",
        "difference",
        "95 % over seeds",
        "p seeds",
        "p seeds (Holm)",
        "detectable",
        "n",
        "95 % over patients",
        "p patients",
        "p patients (Holm)",
        "patients",
    ]
    note = (
        "Over seeds: Student's t, paired over the n seeds that both systems have, its 95 % interval and its two-sided "
        "p. Detectable: the smallest true difference that so many seeds, with this spread, would detect four times out "
        "of five; a smaller one may well exist. Over patients: a paired bootstrap over patients and seeds; ≤ marks the "
        "smallest p that it can give. Holm: the p corrected for all rows of the same question."
    )
    return PageTable("Significance", heads, rows, note if rows else "")


def _at_floor(row: Mapping[str, str]) -> bool:
    return row["p_boot"] != "" and row["p_boot"] == row["p_boot_least"]


def _p(text: str, floor: bool = False) -> TableCell:
    value = float(text) if text else math.nan
    return TableCell(p_text(value, value if floor else 0.0), value)


def _interval(low: str, high: str) -> TableCell:
    if not low:
        return TableCell(UNDEFINED, math.nan)
    return TableCell(f"{decimal(low, signed=True).text} to {decimal(high, signed=True).text}", float(low))


def cells(suite: FinishedSuite) -> PageTable:
    """Every cell of the suite, run or not."""
    rows = [
        [
            TableCell(row["system"]),
            TableCell(row["budgets"] or UNDEFINED),
            TableCell(row["sources"]),
            whole(row["seed"]),
            TableCell(row["status"]),
            _seconds(row["seconds"]),
            _folder(suite.folder, row["cell"]),
            TableCell(row["error"]),
        ]
        for row in suite.listed
    ]
    return PageTable("Cells", ["system", "budgets", "sources", "seed", "status", "seconds", "run", "error"], rows)


def _seconds(text: str) -> TableCell:
    return TableCell(f"{float(text):.0f}", float(text)) if text else TableCell(UNDEFINED, math.nan)


def _folder(suite: Path, cell: str) -> TableCell:
    there = (suite / "cells" / cell).is_dir()
    return TableCell(UNDEFINED, 0.0, [("folder", f"cells/{quote(cell)}/")] if there else [])
