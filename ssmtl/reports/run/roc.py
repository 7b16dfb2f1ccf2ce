"""Receiver operating characteristics of classification tasks, one curve per domain."""

from collections.abc import Iterator, Sequence

import numpy as np

from ssmtl.assessment.one_class import one_class
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import GREY, SMALL, Drawing, label, panels, plain, styles
from ssmtl.reports.run.classified import against_rest, classified, shown_classes
from ssmtl.reports.run.finished_run import FinishedRun


def draw_roc(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per classification task: one panel per class, or a single one for two classes."""
    for task, items in classified(run).items():
        yield _task(run, task, items)


def roc_curve(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates, from (0, 0) to (1, 1), one point per distinct score (ties make a slope).

    :param scores: (n,), higher is more positive. :param positive: (n,) bool, with both values present.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(positive[order])[last]
    alarms = np.cumsum(~positive[order])[last]
    return np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1])


def area(false_rate: np.ndarray, true_rate: np.ndarray) -> float:
    """The area under the curve, by the trapezoidal rule."""
    return float(np.trapezoid(true_rate, false_rate))


def _task(run: FinishedRun, task: str, items: Sequence[StoredPredictions]) -> Drawing:
    count = items[0]["probabilities"].shape[1]
    names = run.class_names(task, count)
    shown = shown_classes(items)
    columns = min(3, len(shown))
    figure, axes = panels(
        len(shown), columns=columns, height=3.9 if columns < 3 else 3.1, width=3.6 * columns if columns < 3 else 7.2
    )
    for axis, index in zip(axes, shown, strict=True):
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=":")
        for item, (domain, colour, dashes) in zip(items, styles([item.domain for item in items]), strict=True):
            one = one_class(item, index)
            positive = one.positive
            words = f"{plain(domain, 24)} ({int(positive.sum())}+, {int((~positive).sum())}−)"
            if not positive.any() or positive.all():
                axis.plot([], [], color=colour, linestyle=dashes, label=f"{words}: not defined")
                continue
            false_rate, true_rate = roc_curve(one.score, positive)
            words = f"{words}: AUROC {area(false_rate, true_rate):.3f}"
            axis.plot(false_rate, true_rate, color=colour, linestyle=dashes, linewidth=1.4, label=words)
        axis.set_aspect("equal")
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.02)
        label(
            axis,
            title=against_rest(names, items, index),
            x="false positive rate (1 − specificity)",
            y="true positive rate (sensitivity)",
        )
        axis.legend(
            fontsize=SMALL - (1.5 if columns > 2 else 0), frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16)
        )
    caption = (
        f"{task}: receiver operating characteristic on each test domain. In "
        "parentheses: images with (+) and without (−) the class; AUROC: the area under the curve."
        " The diagonal is chance."
    )
    return Drawing(f"roc.{task}", caption, figure)
