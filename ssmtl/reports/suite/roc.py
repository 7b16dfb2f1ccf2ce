"""Receiver operating characteristics of all systems (figure 7 of the MultiMix paper)."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import GREY, SMALL, WIDTH, Drawing, label, panels, plain, styles
from ssmtl.reports.run.roc import area, roc_curve
from ssmtl.reports.suite.finished_suite import CellRun, FinishedSuite, item_of, places_of, run_of
from ssmtl.suite.layout import domain_words

NEEDED = ("probabilities", "targets")
SYSTEMS = 7
"""Curves that a reader can tell apart."""

GRID = np.linspace(0, 1, 201)


def draw_roc(suite: FinishedSuite) -> Iterator[Drawing]:
    """One drawing per sources file and two-class task: one panel per domain, one line per system."""
    for sources in suite.sources:
        cells = suite.main(sources)
        places = places_of(cells, *NEEDED)
        for task in dict.fromkeys(task for task, _ in places):
            domains = [domain for name, domain in places if name == task]
            able = [name for name, runs in cells.items() if _two_classes(item_of(runs[0], (task, domains[0]), *NEEDED))]
            if able:
                shown = suite.focus(task, able, SYSTEMS)
                missing = suite.left_out(able, shown, f"at most {SYSTEMS} curves")
                drawing = _panels(suite, sources, cells, task, domains, shown)
                yield replace(drawing, caption=drawing.caption + missing)


def _two_classes(item: StoredPredictions | None) -> bool:
    return item is not None and item["targets"].ndim == 1 and item["probabilities"].shape[1] == 2


def _panels(
    suite: FinishedSuite,
    sources: str,
    cells: dict[str, list[CellRun]],
    task: str,
    domains: list[str],
    systems: list[str],
) -> Drawing:
    figure, axes = panels(len(domains), len(domains), 3.6, WIDTH)
    for axis, domain in zip(axes, domains, strict=True):
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=":")
        for name, colour, dashes in styles(systems):
            curves, areas = _curves(cells[name], (task, domain))
            if not areas:
                continue
            mean, spread = curves.mean(0), curves.std(0, ddof=1) if len(curves) > 1 else np.zeros(len(GRID))
            axis.fill_between(GRID, mean - spread, np.minimum(mean + spread, 1), color=colour, alpha=0.1, linewidth=0)
            words = f"{plain(suite.results.label(name), 28)}: {np.mean(areas):.3f}"
            axis.plot(GRID, mean, color=colour, linestyle=dashes, linewidth=1.3, label=words)
        axis.set_aspect("equal")
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.02)
        label(axis, title=domain_words(domain), x="1 − specificity", y="sensitivity")
        axis.legend(fontsize=SMALL - 1, frameon=False, loc="lower right", title="AUROC", title_fontsize=SMALL - 1)
    names = run_of(cells[systems[0]][0].folder).class_names(task, 2)
    caption = (
        f"{sources}, {task}: {names[1]} against {names[0]}. Line: mean sensitivity over the seeds of a system at each "
        "false positive rate; band: ± standard deviation; legend: mean area under the curve (AUROC). The diagonal is "
        "chance."
    )
    return Drawing(f"roc.{sources}.{task}", caption, figure)


def _curves(runs: list[CellRun], place: tuple[str, str]) -> tuple[np.ndarray, list[float]]:
    """Sensitivity on the grid, one row per seed, and each seed's area; seeds with a single class are left out."""
    rows, areas = [], []
    for run in runs:
        item = item_of(run, place, *NEEDED)
        positive = item["targets"] == 1 if item is not None else np.zeros(0, bool)
        if item is not None and positive.any() and not positive.all():
            false_rate, true_rate = roc_curve(item["probabilities"][:, 1].astype(float), positive)
            rows.append(np.interp(GRID, false_rate, true_rate))
            areas.append(area(false_rate, true_rate))
    return np.array(rows), areas
