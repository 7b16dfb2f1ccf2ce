"""predictions/TASK.DOMAIN.npz: what figures and tests need from the predictions on one evaluation set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from ssmtl.atomic_file import replacing
from ssmtl.contracts.bridge import Bridge
from ssmtl.data.rows import Rows
from ssmtl.errors import RunError
from ssmtl.evaluation.predict import Predictions
from ssmtl.experiment.task import Task
from ssmtl.model.input_gradient import input_gradient
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.regular_file import open_file

PER_IMAGE = {
    "ids": (1,),
    "probabilities": (2,),
    "targets": (1, 2),
    "foreground_predicted": (1, 2),
    "foreground_reference": (1, 2),
}
"""Arrays with one row per image, and how many dimensions they have. All but the ids are numbers."""

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
    """:raises RunError: if the file is damaged, or holds something else than predictions."""
    task, _, domain = path.stem.partition(".")
    try:
        with open_file(path) as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise ValueError("it is one array, not an archive of several")
            with archive:
                stored = StoredPredictions(task, domain, dict(archive))
        _check(stored)
    except Exception as error:  # NumPy raises many kinds for damaged archives
        raise RunError(f"{path}: cannot be read as predictions: {error}") from error
    return stored


def _check(stored: StoredPredictions) -> None:
    """:raises ValueError: if the arrays are not of the kinds and lengths that `write_predictions` writes."""
    needed = ["ids", *(("probabilities", "targets") if {"probabilities", "targets"} & set(stored.arrays) else ())]
    if missing := [name for name in needed if name not in stored]:
        raise ValueError(f"it has no array '{missing[0]}'")
    for name, dimensions in PER_IMAGE.items():
        array = stored.arrays.get(name)
        if array is None:
            continue
        if array.ndim not in dimensions or (array.dtype.kind in "biuf") == (name == "ids"):
            raise ValueError(f"'{name}' is an array of type {array.dtype} and shape {array.shape}")
        if len(array) != len(stored["ids"]):
            raise ValueError(f"'{name}' has {len(array)} rows, and 'ids' has {len(stored['ids'])}")


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
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)


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
