"""Boundaries of reference and predicted masks, drawn over the image."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ssmtl.data.mask_values import UNKNOWN
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import SMALL, Drawing, pictures, plain
from ssmtl.reports.run.finished_run import FinishedRun

# Okabe–Ito bluish green and vermillion, lightened for dark radiographs; solid and dashed for greyscale print.
REFERENCE, PREDICTED = "#2BD9A6", "#FF7A1A"
THRESHOLD = 0.5
NEEDED = ("sample_images", "sample_masks", "sample_probabilities")
COLUMNS = 4


def draw_masks(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per task and domain with sample masks: eight images of one structure, or four of several."""
    for item in run.predictions:
        if all(name in item for name in NEEDED) and len(item["sample_images"]):
            yield _overlays(run, item)


def dice(reference: np.ndarray, predicted: np.ndarray) -> float:
    """2|A∩B| / (|A|+|B|) of two boolean masks; NaN when both are empty."""
    total = int(reference.sum()) + int(predicted.sum())
    return 2.0 * int((reference & predicted).sum()) / total if total else float("nan")


def _overlays(run: FinishedRun, item: StoredPredictions) -> Drawing:
    images, masks, probabilities = (item[name] for name in NEEDED)
    names = run.class_names(item.task, masks.shape[1])
    ids = item["sample_ids"] if "sample_ids" in item else np.arange(len(images)).astype(str)
    shown = min(len(images), COLUMNS if len(names) > 1 else 2 * COLUMNS)
    cells = [(image, structure) for structure in range(len(names)) for image in range(shown)]
    columns = min(shown, COLUMNS)
    rows = -(-len(cells) // columns)
    figure, frames = pictures(rows, columns, images.shape[1] / images.shape[2], titled=rows, below=0.3)
    places = [frame for line in frames for frame in line]
    for frame, (image, structure) in zip(places, cells, strict=False):
        reference = masks[image, structure] == 1
        predicted = probabilities[image, structure] > THRESHOLD
        frame.imshow(images[image], cmap="gray", vmin=0, vmax=255)
        boundary(frame, reference.astype(float), REFERENCE, "solid")
        boundary(frame, probabilities[image, structure].astype(float), PREDICTED, "dashed")
        score = dice(reference, predicted)
        words = f"Dice {score:.3f}" if np.isfinite(score) else "both empty"
        if (masks[image, structure] == UNKNOWN).all():
            words = "reference not known"
        name = f"{plain(names[structure], 20)} · " if len(names) > 1 else ""
        frame.set_title(f"{plain(str(ids[image]), 24)}\n{name}{words}", fontsize=SMALL, linespacing=1.15)
    boundary_legend(figure)
    caption = (
        f"{item.task}, {item.domain}: boundaries of the reference (green, solid) and of the prediction (orange, "
        f"dashed: probability {THRESHOLD}) over {shown} test images, evenly spaced over the set, not chosen by "
        "result, with each image's Dice."
    )
    return Drawing(f"masks.{item.task}.{item.domain}", caption, figure)


def boundary_legend(figure: Figure) -> None:
    """Which line is which, below the images."""
    handles = [
        Line2D([], [], color=REFERENCE, linewidth=1.6),
        Line2D([], [], color=PREDICTED, linewidth=1.6, linestyle="--"),
    ]
    figure.legend(
        handles,
        ["reference", "prediction"],
        loc="lower center",
        borderaxespad=0.2,
        ncols=2,
        fontsize=SMALL,
        frameon=False,
    )


def boundary(frame: Axes, values: np.ndarray, colour: str, dashes: str) -> None:
    """Draw the contour of `values` (H, W) at one half, closed at the image's border, if there is one."""
    if not (values.max() > THRESHOLD >= values.min() or values.min() > THRESHOLD):
        return
    padded = np.pad(values, 1)
    x, y = np.arange(-1, values.shape[1] + 1), np.arange(-1, values.shape[0] + 1)
    frame.contour(x, y, padded, levels=[THRESHOLD], colors=[colour], linewidths=1.3, linestyles=[dashes])
    frame.set_xlim(-0.5, values.shape[1] - 0.5)
    frame.set_ylim(values.shape[0] - 0.5, -0.5)
