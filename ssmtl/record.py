"""What an evaluation leaves in the run folder: predictions for the figures, and metrics an image."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssmtl.bridge import Bridge
from ssmtl.data.dataset import Rows
from ssmtl.evaluate import Predictions, Scores
from ssmtl.explain import input_gradient
from ssmtl.model import MultiTaskModel
from ssmtl.task import Task

SAMPLES = 8
"""Images of each evaluation set that are kept with their predictions, evenly spaced over it."""


def write_predictions(
    path: Path, model: MultiTaskModel, task: Task, rows: Rows, predictions: Predictions, device: torch.device
) -> None:
    """An .npz file: probabilities and targets, or foreground counts for masks; some samples with saliency maps.

    `intensities` counts the pixels of all images by their grey level, 0 to 255.
    """
    places = np.unique(np.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).astype(np.int64))
    images = rows.images(places)
    arrays: dict[str, Any] = {
        "ids": np.array(predictions.ids),
        "sample_ids": np.array([predictions.ids[place] for place in places]),
        "sample_images": images.float().mean(1).round().byte().numpy(),
        "intensities": _intensities(rows),
    }
    if task.output.kind == "masks":
        arrays["foreground_predicted"] = (predictions.probabilities > 0.5).sum((2, 3)).numpy()
        arrays["foreground_reference"] = predictions.targets.sum((2, 3)).long().numpy()
        arrays["sample_masks"] = predictions.targets[places].byte().numpy()
        arrays["sample_probabilities"] = predictions.probabilities[places].numpy()
    else:
        arrays["probabilities"] = predictions.probabilities.numpy()
        arrays["targets"] = predictions.targets.numpy()
    guide = _guide(model, task)
    if guide is not None:
        predict = model.predictor(guide, images_of=task.name)
        pictures = images.to(device).float() / 255
        maps = [input_gradient(pictures, predict, number).cpu() for number in range(len(predict.output.classes))]
        arrays["sample_saliency"] = torch.cat(maps, dim=1).numpy()
        arrays["saliency_classes"] = np.array(predict.output.classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def _intensities(rows: Rows) -> Any:
    counts = np.zeros(256, np.int64)
    for place in range(len(rows)):
        grey = rows.images(np.array([place])).float().mean(1).round().byte()
        counts += np.bincount(grey.numpy().ravel(), minlength=256)
    return counts


def _guide(model: MultiTaskModel, task: Task) -> str | None:
    """The classification task whose saliency is shown beside this one: itself, or the one its bridge reads."""
    if task.output.kind != "masks":
        return task.name
    bridge = dict(model.bridges.items()).get(task.name)
    return min(bridge.reads, default=None) if isinstance(bridge, Bridge) else None


def write_per_image(path: Path, found: Mapping[tuple[str, str], tuple[tuple[str, ...], Scores]]) -> None:
    """:param found: by (task, domain), the ids and the scores."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(["task", "domain", "id", "metric", "value"])
        for (task, domain), (ids, scores) in found.items():
            for metric, values in scores.per_image.items():
                writer.writerows([task, domain, name, metric, f"{value:.6g}"] for name, value in _pairs(ids, values))


def _pairs(ids: tuple[str, ...], values: Tensor) -> list[tuple[str, float]]:
    return list(zip(ids, values.tolist(), strict=True))
