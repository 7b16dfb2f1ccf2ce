"""Calibration: whether images with a predicted probability of 0.8 have the class in 80 % of cases."""

from collections.abc import Iterator, Sequence

from ssmtl.assessment.one_class import one_class
from ssmtl.calibration.error import BINS, bins_of, brier_score, calibration_error
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import GREY, SMALL, Drawing, label, panels, plain, styles
from ssmtl.reports.run.classified import against_rest, classified, shown_classes
from ssmtl.reports.run.finished_run import FinishedRun

LARGEST = 60.0
"""Area, in square points, of a bin that holds all images."""


def draw_calibration(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per classification task: one panel per class, or a single one for two classes."""
    for task, items in classified(run).items():
        yield _task(run, task, items)


def _task(run: FinishedRun, task: str, items: Sequence[StoredPredictions]) -> Drawing:
    names = run.class_names(task, items[0]["probabilities"].shape[1])
    shown = shown_classes(items)
    columns = min(3, len(shown))
    wide = columns < 3
    figure, axes = panels(
        len(shown), columns=columns, height=3.9 if wide else 3.1, width=3.6 * columns if wide else 7.2
    )
    for axis, index in zip(axes, shown, strict=True):
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=":")
        for item, (domain, colour, dashes) in zip(items, styles([item.domain for item in items]), strict=True):
            one = one_class(item, index)
            counts, mean, share = bins_of(one.score, one.positive)
            used = counts > 0
            error, brier = calibration_error(one.score, one.positive), brier_score(one.score, one.positive)
            words = f"{plain(domain, 24)}: " + (f"ECE {error:.3f}, Brier {brier:.3f}" if used.any() else "not defined")
            axis.plot(mean[used], share[used], color=colour, linestyle=dashes, linewidth=1.2, label=words)
            sizes = LARGEST * counts[used] / max(counts.sum(), 1) + 4
            axis.scatter(mean[used], share[used], s=sizes, color=colour, alpha=0.7, linewidths=0)
        axis.set_aspect("equal")
        axis.set_xlim(-0.03, 1.03)
        axis.set_ylim(-0.03, 1.03)
        label(axis, title=against_rest(names, items, index), x="predicted probability", y="share that has the class")
        axis.legend(
            fontsize=SMALL - (1.5 if not wide else 0), frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16)
        )
    caption = (
        f"{task}: reliability diagram on each test domain, one point per bin: mean predicted probability against the "
        f"share of images that have the class; a larger point holds more images. Above the diagonal the network is too "
        f"cautious, below it too sure. ECE: expected calibration error, the mean distance from the diagonal over "
        f"images, in {BINS} bins of equal width; in small sets it is too large. Brier score: the mean squared "
        "difference between the probability and 1 (has the class) or 0; lower is better for both."
    )
    return Drawing(f"calibration.{task}", caption, figure)
