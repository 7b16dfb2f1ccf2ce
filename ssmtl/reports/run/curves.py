"""Training curves: losses, validation metrics, and the strategies' diagnostics."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ssmtl.reports.drawing import BLUE, GREY, SMALL, Drawing, label, panels, plain, styles
from ssmtl.reports.powers import PowersOfTen
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.table import number
from ssmtl.suite.layout import head_of

SMOOTH_FRACTION = 40  # the running mean spans 1/40 of the logged steps
LONGEST = 32  # characters over a panel
RATE = "learning rate"  # a step function: never smoothed
BEYOND = 0.05  # so that a curve along a limit of its axis is seen


@dataclass
class Curve:
    """One quantity over training; steps without it are left out."""

    steps: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, step: object, value: object) -> None:
        """Append one point."""
        self.steps.append(number(step))
        self.values.append(number(value))


def draw_curves(run: FinishedRun) -> Iterator[Drawing]:
    """Up to three drawings: losses, validation, diagnostics."""
    if run.steps:
        window = max(1, len(run.steps) // SMOOTH_FRACTION)
        smooth = f" Thin: as logged; thick: running mean over {window} logged steps." if window > 1 else ""
        losses = {"total (weighted)": _column(run.steps, "total"), **_columns(run.steps, "losses")}
        yield _noisy(
            "losses",
            losses,
            window,
            f"Training losses by optimiser step: the weighted total, and each term before it is weighted.{smooth}",
        )
        running = _columns(run.steps, "diagnostics")
        running[RATE] = _column(run.steps, "learning_rate")
        running["throughput (rows/s)"] = _column(run.steps, "rows_per_second")
        yield _noisy(
            "diagnostics",
            {name: curve for name, curve in running.items() if np.isfinite(curve.values).any()},
            window,
            f"What the strategies logged during training, the learning rate, and the throughput.{smooth}",
        )
    if run.evaluations:
        yield _validation(run)


def smoothed(values: Sequence[float], window: int) -> np.ndarray:
    """Centred running mean over `window` values, ignoring NaN; the window is shorter at both ends."""
    column = np.asarray(values, dtype=float)
    known = np.isfinite(column)
    ones = np.ones(window)
    counts = np.convolve(known.astype(float), ones, mode="full")
    sums = np.convolve(np.where(known, column, 0.0), ones, mode="full")
    start = (window - 1) // 2
    middle = slice(start, start + len(column))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts[middle] > 0.5, sums[middle] / counts[middle], np.nan)


def _noisy(name: str, curves: Mapping[str, Curve], window: int, caption: str) -> Drawing:
    figure, axes = panels(max(len(curves), 1), columns=3, height=1.75)
    for axis, (title, curve) in zip(axes, curves.items(), strict=False):
        only = "o" if len(curve.values) == 1 else ""
        axis.plot(
            curve.steps,
            curve.values,
            color=GREY if window > 1 and title != RATE else BLUE,
            alpha=0.75,
            linewidth=1.2 if title == RATE else 0.6,
            marker=only,
        )
        if window > 1 and title != RATE:
            axis.plot(curve.steps, smoothed(curve.values, window), color=BLUE, linewidth=1.4)
        label(axis, title=quantity_title(title), x="optimiser step")
        _tidy(axis, curve.values)
    return Drawing(name, caption, figure)


def _validation(run: FinishedRun) -> Drawing:
    curves: dict[str, dict[str, Curve]] = {}
    for record in run.evaluations:
        for metric, value in record.get("values", {}).items():
            by_part = curves.setdefault(metric, {})
            by_part.setdefault(str(record.get("part", "validation")), Curve()).add(record.get("step"), value)
    curves = {
        metric: by_part
        for metric, by_part in curves.items()
        if any(np.isfinite(curve.values).any() for curve in by_part.values())
    }
    parts = list(dict.fromkeys(part for one in curves.values() for part in one))
    selected = float(run.results.selected.step) if run.results else math.nan
    figure, axes = panels(max(len(curves), 1), columns=3, height=1.75)
    look = {part: (colour, dashes) for part, colour, dashes in styles(parts)}
    for axis, (metric, by_part) in zip(axes, curves.items(), strict=False):
        for part, curve in by_part.items():
            colour, dashes = look[part]
            axis.plot(
                curve.steps,
                curve.values,
                color=colour,
                linestyle=dashes,
                linewidth=1.2,
                marker="o",
                markersize=2.5,
                label=plain(part),
            )
        if np.isfinite(selected):
            axis.axvline(selected, color=GREY, linestyle=":", linewidth=1.0)
        task, _, name = metric.partition(".")
        words = "\n".join(wrap(f"{task}: {head_of(name, run.unit(task, name))}", LONGEST))
        label(axis, title=words, x="optimiser step")
        _tidy(axis, [value for curve in by_part.values() for value in curve.values])
    if len(parts) > 1:
        axes[0].legend(fontsize=SMALL, frameon=False)
    tested = ", ".join(part for part in parts if part != "validation")
    line = " Dotted line: the step whose weights were kept" if np.isfinite(selected) else ""
    line += f", with which the test images ({tested}) were evaluated" if line and tested else ""
    caption = f"Metrics on the validation images during training.{line}{'.' if line else ''}"
    return Drawing("validation", caption, figure)


def quantity_title(quantity: str) -> str:
    """Task and strategy, then the quantity (for a gradient cosine, its tasks), each broken to fit its panel."""
    first, *rest = quantity.split(".")
    if not rest:
        parts = [first.replace("_", " ")]
    elif first == "gradient_cosine":
        parts = ["gradient cosine", ", ".join(rest)]
    else:
        strategy, *what = (part.replace("_", " ") for part in rest)
        parts = [f"{first}: {strategy}", ", ".join(what) or "unweighted loss"]
    return "\n".join(line for part in parts for line in wrap(part, LONGEST))


def _tidy(axis: Axes, values: Sequence[float]) -> None:
    """At most five round ticks per axis, and no offset text for a nearly constant curve."""
    axis.locator_params(axis="x", nbins=4)
    axis.locator_params(axis="y", nbins=5)
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if len(known) and np.ptp(known) <= 1e-9 * max(abs(float(known[0])), 1e-12):
        axis.set_ylim(*flat_limits(float(known[0])))
    axis.yaxis.set_major_formatter(PowersOfTen())
    axis.yaxis.get_offset_text().set_fontsize(SMALL)


def flat_limits(value: float) -> tuple[float, float]:
    """Of the axis of a constant curve: from 0 to twice its value, but not beyond 1 for what may be a share."""
    if value == 0:
        return -BEYOND, 1.0
    if 0.5 < abs(value) <= 1:
        return (0.0, 1 + BEYOND) if value > 0 else (-1 - BEYOND, 0.0)
    return min(0.0, 2 * value), max(0.0, 2 * value)


def _column(records: Sequence[Mapping[str, Any]], key: str) -> Curve:
    curve = Curve()
    for record in records:
        curve.add(record.get("step"), record.get(key))
    return curve


def _columns(records: Sequence[Mapping[str, Any]], key: str) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    for record in records:
        for name, value in record.get(key, {}).items():
            curves.setdefault(name, Curve()).add(record.get("step"), value)
    return curves
