"""Estimated numbers: predicted against true, and their difference against their mean."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import BLACK, BLUE, Drawing, label, panels
from ssmtl.reports.run.bland_altman import LIMITS, draw_agreement
from ssmtl.reports.run.finished_run import FinishedRun

NEEDED = ("numbers", "true_numbers")
UNIT_OF = ("mae", "rmse")
"""Metrics that have the unit of the number, as the recipe gives it."""


def draw_numbers(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per task with numbers: a row for each number and domain, with scatter and Bland–Altman plot."""
    by_task: dict[str, list[StoredPredictions]] = {}
    for item in run.predictions:
        if all(name in item for name in NEEDED) and len(item["numbers"]):
            by_task.setdefault(item.task, []).append(item)
    for task, items in by_task.items():
        names = run.class_names(task, items[0]["numbers"].shape[1])
        unit = next(filter(None, (run.unit(task, metric) for metric in UNIT_OF)), "")
        words = f" ({unit})" if unit else ""
        figure, axes = panels(2 * len(names) * len(items), columns=2, height=2.6)
        places = [(column, name, item) for column, name in enumerate(names) for item in items]
        for (scatter, difference), (column, name, item) in zip(
            zip(axes[::2], axes[1::2], strict=True), places, strict=True
        ):
            true, predicted = (item[key][:, column].astype(float) for key in ("true_numbers", "numbers"))
            known = np.isfinite(true) & np.isfinite(predicted)
            true, predicted = true[known], predicted[known]
            if not len(true):
                label(scatter, title=f"{name}, {item.domain}: of no image known")
                difference.set_axis_off()
                continue
            _scatter(scatter, true, predicted)
            label(
                scatter,
                title=f"{name}, {item.domain} (n = {len(true)})",
                x=f"true{words}",
                y=f"predicted{words}",
            )
            draw_agreement(difference, predicted, true, ".3g")
            label(difference, x=f"mean of predicted and true{words}", y=f"predicted − true{words}")
        caption = (
            f"{task}: each test image of which the number is known. Left: the predicted number against the true one, "
            "equal on the line. Right: Bland–Altman plot; a point above zero: the prediction is too large. Solid: "
            f"bias, the mean difference; dashed: limits of agreement, bias ± {LIMITS} standard deviations. A downward "
            "slope: large numbers come out too small, and small ones too large."
        )
        yield Drawing(f"numbers.{task}", caption, figure)


def _scatter(axis: Axes, true: np.ndarray, predicted: np.ndarray) -> None:
    """Both axes have the same limits, so that the line of equal numbers is the diagonal."""
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    margin = 0.05 * (high - low) or 1.0
    axis.axline((low, low), slope=1, color=BLACK, linewidth=0.6)
    axis.scatter(true, predicted, s=9, color=BLUE, alpha=0.55, linewidths=0)
    axis.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), box_aspect=1)
