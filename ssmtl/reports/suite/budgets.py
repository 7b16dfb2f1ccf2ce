"""A metric against the number of labelled images, with its spread over seeds (figure 6 of the MultiMix paper)."""

from collections.abc import Iterator

import numpy as np

from ssmtl.reports.domains import in_order
from ssmtl.reports.drawing import SMALL, WIDTH, Drawing, label, panels, plain, styles
from ssmtl.reports.suite.finished_suite import CellRun, FinishedSuite, results_of
from ssmtl.suite.layout import head_of

METRICS = ("accuracy", "auroc", "dice")
LEAST = 3
"""Budgets that a curve needs."""

Points = dict[int, list[float]]
"""By number of labelled images, one value per seed."""


def draw_budgets(suite: FinishedSuite) -> Iterator[Drawing]:
    """One drawing per sources file and task with systems at three budgets or more: one panel per metric and domain."""
    for sources in suite.sources:
        cells = [cell for cell in suite.cells if cell.sources == sources]
        for task in dict.fromkeys(task for cell in cells for task in cell.budgets):
            curved = [
                name
                for name in suite.results.systems
                if len({cell.budgets.get(task) for cell in cells if cell.system == name} - {None}) >= LEAST
            ]
            if curved:
                yield _curves(suite, sources, task, [cell for cell in cells if cell.system in curved], curved)


def _curves(suite: FinishedSuite, sources: str, task: str, cells: list[CellRun], systems: list[str]) -> Drawing:
    results = results_of(cells[0].folder)
    values = results.tasks[task]
    domains = in_order(values)
    metrics = [name for name in METRICS if any(name in values[domain] for domain in domains)]
    places = [(metric, domain) for metric in metrics for domain in domains]
    figure, axes = panels(len(places), len(domains), 2.3, WIDTH)
    ticks: set[int] = set()
    for axis, (metric, domain) in zip(axes, places, strict=True):
        for name, colour, dashes in styles(systems):
            points = _points([cell for cell in cells if cell.system == name], task, domain, metric)
            at = np.array(sorted(points), dtype=float)
            ticks.update(points)
            mean = np.array([np.mean(points[int(count)]) for count in at])
            spread = np.array([np.std(points[int(c)], ddof=1) if len(points[int(c)]) > 1 else 0.0 for c in at])
            axis.fill_between(at, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
            axis.plot(at, mean, color=colour, linestyle=dashes, linewidth=1.4, label=plain(suite.results.label(name)))
            for count, scores in points.items():
                axis.plot([count] * len(scores), scores, "o", color=colour, markersize=2.4, alpha=0.7, linewidth=0)
        axis.set_xscale("log")
        axis.grid(linewidth=0.3, alpha=0.6)
        label(axis, title=domain.replace("_", " "), x="labelled images (log scale)", y=head_of(metric, "0 to 1"))
    for axis in axes:
        axis.set_xticks(sorted(ticks), [str(count) for count in sorted(ticks)], fontsize=SMALL)
        axis.minorticks_off()
    axes[0].legend(fontsize=SMALL, frameon=False, loc="lower right")
    seeds = len({cell.seed for cell in cells})
    full = any(cell.budgets.get(task) == "all" for cell in cells)
    caption = (
        f"{sources}, {task}. Line: mean over at most {seeds} seeds; band: ± standard deviation; points: seeds."
        f"{' The largest budget is all labelled images of the training part.' if full else ''}"
    )
    return Drawing(f"budgets.{sources}.{task}", caption, figure)


def _points(cells: list[CellRun], task: str, domain: str, metric: str) -> Points:
    """One value per cell; where other tasks' budgets vary too, a budget has several per seed."""
    points: Points = {}
    for cell in cells:
        results = results_of(cell.folder)
        value = results.tasks.get(task, {}).get(domain, {}).get(metric)
        if value is not None:
            points.setdefault(results.budgets[task].labeled, []).append(value)
    return points
