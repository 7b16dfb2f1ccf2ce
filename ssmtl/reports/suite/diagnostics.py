"""What the strategies logged during training: losses, mask rates, pseudo-labels, the angle between gradients."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ssmtl.reports.drawing import SMALL, WIDTH, Drawing, label, panels, plain, styles
from ssmtl.reports.powers import PowersOfTen
from ssmtl.reports.run.curves import quantity_title, smoothed
from ssmtl.reports.suite.finished_suite import CellRun, FinishedSuite, run_of
from ssmtl.reports.table import number

SYSTEMS = 7
WINDOW = 9
"""Logged steps in the running mean of quantities that are logged often."""

Series = dict[int, list[float]]
"""By step, one value per seed."""


def draw_diagnostics(suite: FinishedSuite) -> Iterator[Drawing]:
    """One drawing per sources file: one panel per quantity, one line per system."""
    for sources in suite.sources:
        cells = suite.main(sources)
        series: dict[str, dict[str, Series]] = {}
        for name, runs in cells.items():
            for quantity, values in _series(runs).items():
                series.setdefault(quantity, {})[name] = values
        if series:
            yield _panels(suite, sources, dict(sorted(series.items())))


def _series(runs: list[CellRun]) -> dict[str, Series]:
    series: dict[str, Series] = {}
    for run in runs:
        for record in run_of(run.folder).steps:
            for quantity, value in _logged(record).items():
                if np.isfinite(number(value)):
                    series.setdefault(quantity, {}).setdefault(int(record["step"]), []).append(number(value))
    return series


def _logged(record: Mapping[str, Any]) -> dict[str, Any]:
    return {**record.get("diagnostics", {}), **record.get("losses", {})}


def _panels(suite: FinishedSuite, sources: str, series: Mapping[str, Mapping[str, Series]]) -> Drawing:
    users = [name for name in suite.results.systems if any(name in by_system for by_system in series.values())]
    shown = suite.focus("", users, SYSTEMS)
    quantities = [quantity for quantity, by_system in series.items() if any(name in by_system for name in shown)]
    figure, axes = panels(len(quantities), 3, 1.9, WIDTH)
    handles: dict[str, Any] = {}
    for axis, quantity in zip(axes, quantities, strict=True):
        for name, colour, dashes in styles(shown):
            points = series[quantity].get(name)
            if points:
                steps = np.array(sorted(points))
                values = np.array([np.mean(points[int(step)]) for step in steps])
                values = smoothed(list(values), WINDOW) if len(values) > 3 * WINDOW else values
                (line,) = axis.plot(steps, values, color=colour, linestyle=dashes, linewidth=1.2)
                handles.setdefault(plain(suite.results.label(name), 40), line)
        axis.locator_params(nbins=4)
        axis.yaxis.set_major_formatter(PowersOfTen())
        axis.yaxis.get_offset_text().set_fontsize(SMALL)
        label(axis, title=quantity_title(quantity), x="optimiser step")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False)
    caption = (
        f"{sources}: what the strategies logged during training, mean over seeds; quantities that are logged often: "
        f"running mean over {WINDOW} logged steps. Mask rate: the share of unlabelled images whose "
        "pseudo-label is sure enough to be used. Accuracy, precision and recall of pseudo-labels use the true labels "
        "of unlabelled images, which no loss sees. A gradient cosine below 0 means "
        "that two tasks pull the encoder in opposing directions."
        + suite.left_out(users, shown, f"at most {SYSTEMS} systems")
    )
    return Drawing(f"diagnostics.{sources}", caption, figure)
