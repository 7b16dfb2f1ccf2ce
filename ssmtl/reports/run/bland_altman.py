"""Bland–Altman plots of foreground area: the difference of prediction and reference against their mean."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import BLACK, BLUE, SMALL, VERMILLION, WIDTH, Drawing, label, panels
from ssmtl.reports.run.finished_run import FinishedRun

LIMITS = 1.96  # standard deviations: 95 % of normally distributed differences (Bland & Altman, 1986)


def draw_bland_altman(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per mask task: one row per structure, its domains side by side on the same scale."""
    by_task: dict[str, list[StoredPredictions]] = {}
    for item in run.predictions:
        if "foreground_predicted" in item and "foreground_reference" in item and len(item["foreground_reference"]):
            by_task.setdefault(item.task, []).append(item)
    for task, items in by_task.items():
        names = run.class_names(task, _columns(items[0], "foreground_reference").shape[1])
        columns = min(len(items), 3)
        figure, axes = panels(len(names) * len(items), columns=columns, height=2.6, width=min(3.6 * columns, WIDTH))
        for place, axis in enumerate(axes):
            first = axes[place - place % len(items)]
            if axis is not first:
                axis.sharex(first)
                axis.sharey(first)
            structure, item = names[place // len(items)], items[place % len(items)]
            reference = _columns(item, "foreground_reference")[:, place // len(items)].astype(float)
            predicted = _columns(item, "foreground_predicted")[:, place // len(items)].astype(float)
            reference, predicted = reference[known := reference >= 0], predicted[known]
            draw_agreement(axis, predicted, reference)
            label(
                axis,
                title=f"{structure}, {item.domain} (n = {len(reference)})",
                x="mean of prediction and reference (pixels)",
                y="prediction − reference (pixels)",
            )
        caption = (
            f"{task}: Bland–Altman plot of foreground area, one point per image, including those with an empty "
            "reference. A point above zero: the predicted area is too large. Solid: bias, the mean difference; dashed: "
            f"limits of agreement, bias ± {LIMITS} standard deviations. In pixels of the evaluated images, not mm²."
        )
        yield Drawing(f"bland_altman.{task}", caption, figure)


def agreement(predicted: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Bias (mean of predicted − reference) and its standard deviation (n − 1); the latter is NaN below two pairs."""
    difference = predicted - reference
    return float(difference.mean()), float(difference.std(ddof=1)) if len(difference) > 1 else float("nan")


def draw_agreement(axis: Axes, predicted: np.ndarray, reference: np.ndarray, digits: str = ".1f") -> None:
    """The differences against the means, with bias and limits. :param digits: how the lines' heights are written."""
    axis.axhline(0, color=BLACK, linewidth=0.4)
    axis.scatter((predicted + reference) / 2, predicted - reference, s=9, color=BLUE, alpha=0.55, linewidths=0)
    bias, spread = agreement(predicted, reference)
    lines = {"bias": bias, f"+{LIMITS} SD": bias + LIMITS * spread, f"−{LIMITS} SD": bias - LIMITS * spread}
    for words, height in lines.items():
        if np.isfinite(height):
            axis.axhline(height, color=VERMILLION, linewidth=1.1, linestyle="-" if words == "bias" else "--")
            axis.annotate(
                f"{words}\n{height:{digits}}".replace("-", "−"),
                (1.01, height),
                xycoords=("axes fraction", "data"),
                fontsize=SMALL - 1,
                va="center",
                color=VERMILLION,
            )


def _columns(item: StoredPredictions, name: str) -> np.ndarray:
    """(n, structures), even if a single structure was saved without its axis."""
    counts = item[name]
    return counts[:, None] if counts.ndim == 1 else counts
