"""A metric against the number of labelled images, with its spread over seeds (figure 6 of the MultiMix paper)."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ssmtl.reports.domains import in_order
from ssmtl.reports.drawing import SMALL, WIDTH, Drawing, label, panels, plain, styles
from ssmtl.reports.suite.finished_suite import CellRun, FinishedSuite, results_of
from ssmtl.suite.layout import domain_words, head_of

METRICS = ("accuracy", "auroc", "dice")
LEAST = 3
"""Budgets that a curve needs."""

Points = dict[str, list[tuple[int, float]]]
"""By budget as the suite asks for it ('all' is one budget): each seed's number of labelled images, and its value."""


def draw_budgets(suite: FinishedSuite) -> Iterator[Drawing]:
    """One drawing per sources file and task with systems at three budgets or more: one panel per metric and domain."""
    for sources in suite.sources:
        cells = [cell for cell in suite.cells if cell.sources == sources]
        for task in dict.fromkeys(task for cell in cells for task in cell.budgets):
            curves = {
                name: own
                for name in suite.results.systems
                if (own := one_curve([cell for cell in cells if cell.system == name], task))
            }
            if curves:
                yield _curves(suite, sources, task, curves)


def one_curve(cells: Sequence[CellRun], task: str) -> list[CellRun]:
    """The cells of one system that differ in this task's budget only: at the other tasks' budgets with most cells.

    Empty if they have fewer than `LEAST` budgets.
    """
    by_others: dict[tuple[tuple[str, str], ...], list[CellRun]] = {}
    for cell in cells:
        if task in cell.budgets:
            others = tuple((name, count) for name, count in cell.budgets.items() if name != task)
            by_others.setdefault(others, []).append(cell)
    most = max(by_others.values(), key=len, default=[])
    return most if len({cell.budgets[task] for cell in most}) >= LEAST else []


def _curves(suite: FinishedSuite, sources: str, task: str, curves: Mapping[str, list[CellRun]]) -> Drawing:
    first = next(iter(curves.values()))[0]
    values = results_of(first.folder).tasks[task]
    domains = in_order(values)
    metrics = [name for name in METRICS if any(name in values[domain] for domain in domains)]
    places = [(metric, domain) for metric in metrics for domain in domains]
    units = {(row.task, row.metric): row.unit for row in suite.results.rows}
    figure, axes = panels(len(places), len(domains), 2.3, WIDTH)
    ticks: dict[float, str] = {}
    for axis, (metric, domain) in zip(axes, places, strict=True):
        for name, colour, dashes in styles(list(curves)):
            points = points_of(curves[name], task, domain, metric)
            at = {budget: float(np.mean([count for count, _ in seeds])) for budget, seeds in points.items()}
            ticks.update({place: budget for budget, place in at.items()})
            order = sorted(points, key=lambda budget: at[budget])
            columns = [[value for _, value in points[budget]] for budget in order]
            mean = np.array([np.mean(column) for column in columns])
            spread = np.array([np.std(column, ddof=1) if len(column) > 1 else 0.0 for column in columns])
            x = [at[budget] for budget in order]
            axis.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
            axis.plot(x, mean, color=colour, linestyle=dashes, linewidth=1.4, label=_label(suite, curves[name], task))
            for place, column in zip(x, columns, strict=True):
                axis.plot([place] * len(column), column, "o", color=colour, markersize=2.4, alpha=0.7, linewidth=0)
        axis.set_xscale("log")
        axis.grid(linewidth=0.3, alpha=0.6)
        unit = units.get((task, metric), "") or "0 to 1"
        label(axis, title=domain_words(domain), x="labelled images (log scale)", y=head_of(metric, unit))
    for axis in axes:
        axis.set_xticks(sorted(ticks), [ticks[place] for place in sorted(ticks)], fontsize=SMALL)
        axis.minorticks_off()
    axes[0].legend(fontsize=SMALL, frameon=False, loc="lower right")
    return Drawing(f"budgets.{sources}.{task}", _caption(sources, task, curves), figure)


def _label(suite: FinishedSuite, cells: Sequence[CellRun], task: str) -> str:
    """The system, and the budgets of its other tasks."""
    others = [f"{name} {count}" for name, count in cells[0].budgets.items() if name != task]
    return plain(suite.results.label(cells[0].system) + (f" ({', '.join(others)})" if others else ""))


def _caption(sources: str, task: str, curves: Mapping[str, list[CellRun]]) -> str:
    cells = [cell for own in curves.values() for cell in own]
    seeds = len({cell.seed for cell in cells})
    whole = [results_of(cell.folder).budgets[task].labeled for cell in cells if cell.budgets[task] == "all"]
    size = f"{min(whole)} to {max(whole)}" if len(set(whole)) > 1 else f"{whole[0]}" if whole else ""
    full = f" 'all' is all labelled images of the training part, {size}, at their mean over seeds." if whole else ""
    return f"{sources}, {task}. Line: mean over at most {seeds} seeds; band: ± standard deviation; points: seeds.{full}"


def points_of(cells: Sequence[CellRun], task: str, domain: str, metric: str) -> Points:
    """One value per cell."""
    points: Points = {}
    for cell in cells:
        results = results_of(cell.folder)
        value = results.tasks.get(task, {}).get(domain, {}).get(metric)
        if value is not None:
            points.setdefault(cell.budgets[task], []).append((results.budgets[task].labeled, value))
    return points
