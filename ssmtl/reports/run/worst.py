"""The test images on which the task does worst, as pictures and as a table, the worst first."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from ssmtl.assessment.one_class import THRESHOLD, is_multilabel
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.reports.drawing import SMALL, Drawing, pictures, plain
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.masks import PREDICTED, REFERENCE, boundary, boundary_legend
from ssmtl.reports.table import UNDEFINED, PageTable, TableCell, decimal, whole

NEEDED = ("worst_places", "worst_severities", "worst_images")
COLUMNS = 4


def draw_worst(run: FinishedRun) -> Iterator[Drawing]:
    """One drawing per task and domain."""
    for item in _items(run):
        yield _masks(item) if "worst_masks" in item else _labels(run, item)


def worst_tables(run: FinishedRun) -> Iterator[PageTable]:
    """One table per task and domain, with whose image it is."""
    for item in _items(run):
        places, severities = item["worst_places"], item["worst_severities"]
        rows = []
        for place, severity in zip(places, severities, strict=True):
            patient = str(item["patients"][place]) if "patients" in item else UNDEFINED
            named = [TableCell(str(item["ids"][place])), TableCell(patient)]
            if "worst_masks" in item:
                areas = [
                    np.maximum(item[name][place], 0).sum() for name in ("foreground_reference", "foreground_predicted")
                ]
                rows.append([*named, decimal(1 - severity), *(whole(int(area)) for area in areas)])
            else:
                true, predicted, probability = decision(run, item, int(place))
                sure = [] if "numbers" in item else [probability]
                rows.append([*named, TableCell(true), TableCell(predicted), *sure, decimal(severity)])
        yield PageTable(f"Worst cases: {item.task}, {item.domain}", _columns(item), rows, _note(item))


def decision(run: FinishedRun, item: StoredPredictions, place: int) -> tuple[str, str, TableCell]:
    """The true and the predicted classes of an image; the probability of the true class, undefined for several."""
    if "numbers" in item:
        names = run.class_names(item.task, item["numbers"].shape[1])
        true, guessed = (
            ", ".join(f"{name} {value:.4g}" for name, value in zip(names, item[key][place], strict=True))
            for key in ("true_numbers", "numbers")
        )
        return true, guessed, decimal(None)
    probabilities, target = item["probabilities"][place], item["targets"][place]
    names = run.class_names(item.task, len(probabilities))
    if is_multilabel(item):
        true = ", ".join(
            name if known == 1 else f"{name}?" for name, known in zip(names, target, strict=True) if known != 0
        )
        guessed = ", ".join(name for name, one in zip(names, probabilities, strict=True) if one > THRESHOLD)
        return true or "none", guessed or "none", decimal(None)
    return names[int(target)], names[int(probabilities.argmax())], decimal(probabilities[int(target)])


def _items(run: FinishedRun) -> Iterator[StoredPredictions]:
    return (item for item in run.predictions if all(name in item and len(item[name]) for name in NEEDED))


def _columns(item: StoredPredictions) -> list[str]:
    if "worst_masks" in item:
        return ["image", "patient", "Dice", "reference (pixels)", "prediction (pixels)"]
    if "numbers" in item:
        return ["image", "patient", "true", "predicted", "mean absolute error"]
    loss = "mean cross-entropy" if is_multilabel(item) else "cross-entropy"
    return ["image", "patient", "true", "predicted", "probability of the true class", loss]


def _note(item: StoredPredictions) -> str:
    shown = f"The {len(item['worst_places'])} test images with the "
    if "worst_masks" in item:
        return f"{shown}lowest Dice (the mean over structures; 1 if both masks are empty)."
    if "numbers" in item:
        return f"{shown}largest absolute error (the mean over known numbers)."
    if is_multilabel(item):
        loss = "binary cross-entropy (the mean over known labels)"
        return f"{shown}highest {loss}; predicted: above {THRESHOLD}; a label with a question mark is not known."
    return f"{shown}highest cross-entropy, the negative logarithm of the probability of the true class."


def _frames(item: StoredPredictions, below: float) -> tuple[Drawing, list[Axes]]:
    images = item["worst_images"]
    columns = min(len(images), COLUMNS)
    rows = -(-len(images) // columns)
    figure, lines = pictures(rows, columns, images.shape[1] / images.shape[2], titled=rows, below=below)
    frames = [frame for line in lines for frame in line]
    for frame, image in zip(frames, images, strict=False):
        frame.imshow(image, cmap="gray", vmin=0, vmax=255)
    return Drawing(f"worst.{item.task}.{item.domain}", f"{item.task}, {item.domain}: {_note(item)}", figure), frames


def _labels(run: FinishedRun, item: StoredPredictions) -> Drawing:
    drawing, frames = _frames(item, 0.05)
    for frame, place in zip(frames, item["worst_places"], strict=False):
        true, predicted, _ = decision(run, item, int(place))
        one = "numbers" not in item and not is_multilabel(item)
        sure = f", {float(item['probabilities'][place].max()):.2f}" if one else ""
        words = f"{plain(true, 14)} → {plain(predicted, 14)}{sure}"
        _title(frame, str(item["ids"][place]), words)
    several = "numbers" in item or is_multilabel(item)
    said = "true → predicted" if several else "true class → predicted class, and its probability"
    return Drawing(drawing.name, f"{drawing.caption} Over each image: {said}.", drawing.figure)


def _masks(item: StoredPredictions) -> Drawing:
    drawing, frames = _frames(item, 0.3)
    for number, (frame, place) in enumerate(zip(frames, item["worst_places"], strict=False)):
        for reference, probability in zip(
            item["worst_masks"][number], item["worst_probabilities"][number], strict=True
        ):
            boundary(frame, (reference == 1).astype(float), REFERENCE, "solid")
            boundary(frame, np.asarray(probability, dtype=float), PREDICTED, "dashed")
        _title(frame, str(item["ids"][place]), f"Dice {1 - item['worst_severities'][number]:.3f}")
    boundary_legend(drawing.figure)
    return drawing


def _title(frame: Axes, name: str, words: str) -> None:
    frame.set_title(f"{plain(name, 24)}\n{words}", fontsize=SMALL, linespacing=1.15)
