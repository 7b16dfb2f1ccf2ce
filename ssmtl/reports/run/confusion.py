"""Confusion matrices: how many images of each true class were given each predicted class."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes

from ssmtl.assessment.one_class import THRESHOLD, is_multilabel, one_class
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import SMALL, WIDTH, Drawing, label, panels, plain
from ssmtl.reports.run.classified import classified
from ssmtl.reports.run.finished_run import FinishedRun

SIDE, LEAST = 0.5, 1.9
"""Inches: of a cell with its share of the labels, and of the smallest panel."""

DARK = 0.6
"""Share of a row from which a cell is so dark that its numbers are white."""


def draw_confusion(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per classification task: one panel per domain, and per label if an image can have several."""
    for task, items in classified(run).items():
        names = run.class_names(task, items[0]["probabilities"].shape[1])
        several = is_multilabel(items[0])
        cases = [(index, item) for index in (range(len(names)) if several else [0]) for item in items]
        words = ["absent", "present"] if several else names
        height = max(LEAST, SIDE * len(words) + 0.9)
        columns = min(len(items), 3)
        figure, axes = panels(len(cases), columns=columns, height=height, width=min(WIDTH, (height + 0.6) * columns))
        for axis, (index, item) in zip(axes, cases, strict=True):
            counts = _label_counts(item, index) if several else confusion(item)
            title = f"{names[index]}, {item.domain}" if several else item.domain
            _matrix(axis, counts, words)
            label(axis, title=f"{title} (n = {int(counts.sum())})", x="predicted", y="true")
        decision = (
            f"A label counts as predicted if its probability is above {THRESHOLD}."
            if several
            else "The predicted class is the most probable one, as in the metric accuracy."
        )
        caption = (
            f"{task}: confusion matrix on each test domain. Each cell gives the number of images, and their share of "
            f"the images with the same true class. {decision}"
        )
        yield Drawing(f"confusion.{task}", caption, figure)


def confusion(item: StoredPredictions) -> np.ndarray:
    """Counts of shape (true class, predicted class) of a multi-class task; images of unknown class are left out."""
    count = item["probabilities"].shape[1]
    known = (item["targets"] >= 0) & (item["targets"] < count)
    counts = np.zeros((count, count), np.int64)
    np.add.at(counts, (item["targets"][known].astype(np.int64), item["probabilities"][known].argmax(1)), 1)
    return counts


def _label_counts(item: StoredPredictions, index: int) -> np.ndarray:
    one = one_class(item, index)
    counts = np.zeros((2, 2), np.int64)
    np.add.at(counts, (one.positive.astype(np.int64), one.predicted.astype(np.int64)), 1)
    return counts


def _matrix(axis: Axes, counts: np.ndarray, names: Sequence[str]) -> None:
    rows = counts.sum(1, keepdims=True)
    shares = counts / np.maximum(rows, 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, predicted in np.ndindex(*counts.shape):
        share = f"{100 * shares[true, predicted]:.0f} %" if rows[true, 0] else "not defined"
        colour = "white" if shares[true, predicted] > DARK else "black"
        words = f"{counts[true, predicted]}\n{share}"
        axis.text(predicted, true, words, ha="center", va="center", fontsize=SMALL, color=colour)
    short = [plain(name, 16) for name in names]
    turned = 0 if max(map(len, short)) * len(short) < 28 else 40
    axis.set_xticks(range(len(short)), short, fontsize=SMALL, rotation=turned, ha="right" if turned else "center")
    axis.set_yticks(range(len(short)), short, fontsize=SMALL)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
