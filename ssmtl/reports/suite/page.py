"""A suite's page: one self-contained HTML file."""

import json
from collections import Counter
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.reports.page import Section, link, pictures, render
from ssmtl.reports.processes import in_processes
from ssmtl.reports.saved_figure import FOR_A_PAPER, SHOWN, SavedFigure, save_drawings
from ssmtl.reports.suite import tables
from ssmtl.reports.suite.figures import SUBJECTS
from ssmtl.reports.suite.finished_suite import FinishedSuite
from ssmtl.suite.results import read_rows
from ssmtl.suite.significance import left_out
from ssmtl.wording import counted

TEMPLATE = "suite/page.html.j2"
FEW = 3
"""Seeds below which the page warns."""

SHORT = 10
"""Characters of a commit that are shown."""

MADE = {"code": "code version", "commit": "commit", "versions": "the packages"}

FILES = {
    "results.csv": "every number: one row per metric of each cell",
    "cells.csv": "one row per cell: status, seconds, error",
    "tables": "means and spreads, as Markdown, CSV and LaTeX; significance",
    "figures": "the figures of this page, one file each",
    "cells": "the run folders",
    "logs": "what the workers printed",
}


def write_suite_report(folder: Path) -> Path:
    """Draw the figures of the suite's folder into its `figures/`, and write `report.html` beside them.

    :raises RunError: if `folder` is not a suite's folder, or has a damaged file.
    """
    suite = FinishedSuite.read(folder)

    def saved(place: int) -> list[SavedFigure]:
        return save_drawings(SUBJECTS[place].draw(suite), suite.folder, (SHOWN, FOR_A_PAPER)) if suite.cells else []

    path = folder / "report.html"
    sections = [
        Section(subject.heading, pictures(figures), subject.needs)
        for subject, figures in zip(SUBJECTS, in_processes(saved, len(SUBJECTS)), strict=True)
    ]
    write_text(path, _page(suite, sections))
    return path


def _page(suite: FinishedSuite, sections: list[Section]) -> str:
    record = suite.results.suite
    significance = tables.significance(suite)
    return render(
        TEMPLATE,
        name=record.name,
        title=record.title or record.name,
        note=record.note,
        summary=_summary(suite),
        warning=_warning(suite),
        results=list(tables.results(suite)),
        significance=significance,
        left_out=left_out(suite.results),
        cells=tables.cells(suite),
        sections=sections,
        settings=json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False),
        files=[
            (link(suite.folder, name), name, what) for name, what in FILES.items() if (suite.folder / name).exists()
        ],
    )


def _summary(suite: FinishedSuite) -> str:
    """What was run, with which code."""
    counts = Counter(row["status"] for row in suite.listed)
    runs = counted(len(suite.listed), "run")
    others = [f"{counts[status]} {status}" for status in ("failed", "running", "waiting") if counts[status]]
    progress = f"{counts['finished']} finished, {', '.join(others)}" if others else "all finished"
    if not suite.results.rows:
        return f"{runs}: {progress}. Nothing is finished yet."
    raw = read_rows(suite.folder / "results.csv")
    made = {key: sorted({str(row[key]) for row in raw if row[key]}) for key in ("code", "commit", "versions")}
    made["commit"] = [commit[:SHORT] + "+" * commit.endswith("+") for commit in made["commit"]]
    seeds = counted(len({cell.seed for cell in suite.cells}), "seed")
    compared = f"{counted(len(suite.results.systems), 'system')} with up to {seeds} each"
    came = [f"{words} {' and '.join(made[key])}" for key, words in MADE.items() if made[key]]
    return f"{compared}: {runs}, {progress}." + (f" Made with {', '.join(came)}." if came else "")


def _warning(suite: FinishedSuite) -> str:
    seeds: dict[tuple[str, str], set[int]] = {}
    for cell in suite.cells:
        seeds.setdefault((cell.system, str(cell.budgets)), set()).add(cell.seed)
    few = {system for (system, _), used in seeds.items() if len(used) < FEW}
    if not few:
        return ""
    names = ", ".join(suite.results.label(name) for name in suite.results.systems if name in few)
    return f"Fewer than {FEW} seeds: {names}. Draw no conclusions from differences that involve them."
