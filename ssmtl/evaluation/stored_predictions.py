"""predictions/TASK.DOMAIN.npz: what figures and tests need from the predictions on one evaluation set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from ssmtl.contracts.bridge import Bridge
from ssmtl.data.rows import Rows
from ssmtl.errors import RunError
from ssmtl.evaluation.predict import Predictions
from ssmtl.experiment.task import Task
from ssmtl.model.input_gradient import input_gradient
from ssmtl.model.multi_task_model import MultiTaskModel

SAMPLES = 8
"""Images of each evaluation set that are kept with their predictions, evenly spaced over it."""


@dataclass(frozen=True)
class StoredPredictions:
    """The arrays of one file."""

    task: str
    domain: str
    arrays: Mapping[str, NDArray[Any]]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]


def read_predictions(path: Path) -> StoredPredictions:
    """:raises RunError: if the file is damaged."""
    task, _, domain = path.stem.partition(".")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return StoredPredictions(task, domain, dict(archive))
    except (BadZipFile, OSError, ValueError, EOFError) as error:
        raise RunError(f"{path}: cannot be read as predictions: {error}") from error


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
        "patients": np.array(predictions.patients),
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
        inputs = images.to(device).float() / 255
        maps = [input_gradient(inputs, predict, number).cpu() for number in range(len(predict.output.classes))]
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
