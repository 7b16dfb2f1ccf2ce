"""predictions/TASK.DOMAIN.npz: what figures and tests need from the predictions on one evaluation set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from torch import Tensor

from ssmtl.atomic_file import replacing
from ssmtl.contracts.bridge import Bridge
from ssmtl.data.rows import Rows
from ssmtl.errors import RunError
from ssmtl.evaluation.kept import KeptPredictions
from ssmtl.evaluation.predict import parts
from ssmtl.experiment.task import Task
from ssmtl.model.input_gradient import input_gradient
from ssmtl.model.mode import mode
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.regular_file import open_file

PER_IMAGE = {
    "ids": (1,),
    "patients": (1,),
    "probabilities": (2,),
    "targets": (1, 2),
    "numbers": (2,),
    "true_numbers": (2,),
    "foreground_predicted": (1, 2),
    "foreground_reference": (1, 2),
    "shown_whole": (1,),
}
"""Arrays with one row per image, and how many dimensions they have. All but `TEXTS` are numbers."""

TEXTS = ("ids", "patients")


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
        if array.ndim not in dimensions or (array.dtype.kind in "biuf") == (name in TEXTS):
            raise ValueError(f"'{name}' is an array of type {array.dtype} and shape {array.shape}")
        if len(array) != len(stored["ids"]):
            raise ValueError(f"'{name}' has {len(array)} rows, and 'ids' has {len(stored['ids'])}")
    if "shown_whole" in stored and stored["shown_whole"].dtype != bool:
        raise ValueError(f"'shown_whole' is an array of type {stored['shown_whole'].dtype}, expected true or false")
    if "sample_shown" in stored:
        shown, images = stored["sample_shown"], stored.arrays.get("sample_images")
        if images is None or shown.shape != images.shape or shown.ndim != 3 or shown.dtype != np.uint8:
            raise ValueError(f"'sample_shown' is an array of type {shown.dtype} and shape {shown.shape}")


def write_predictions(
    path: Path, model: MultiTaskModel, task: Task, rows: Rows, kept: KeptPredictions, device: torch.device
) -> None:
    """An .npz file: probabilities and targets, numbers and true numbers, or areas of masks; some samples.

    Of a structure of which nothing is known, the count of its reference is -1, and its mask is 255 throughout.

    `intensities` counts the pixels of all images by their grey level, 0 to 255. `worst_…` are the images on which the
    task does worst, with how wrong they are (see `severity`). `bridge_map_0` and so on are what the task's bridge adds
    to the features of the samples: (samples, height, width), the mean over the map's channels. `sample_shown` is what
    the task's bridge shows the backbone in the place of the samples; `shown_whole`, whether that is the image itself.
    """
    arrays = arrays_of(rows, kept) | {"intensities": _intensities(rows)}
    inputs = rows.images(kept.sample_places).to(device).float() / 255
    with torch.no_grad(), mode(model, training=False):
        maps = model.bridge_maps(task.name, inputs)
    if model.looks(task.name):
        with torch.no_grad(), mode(model, training=False):
            shown = model.shown(task.name, inputs)
        arrays["sample_shown"] = _grey((shown * 255).round().byte().cpu())
        arrays["shown_whole"] = np.concatenate([_whole(model, task, rows, part, device) for part in parts(rows)])
    if maps:
        arrays["bridge_map_names"] = np.array(list(maps))
        arrays.update({f"bridge_map_{at}": one.float().mean(1).cpu().numpy() for at, one in enumerate(maps.values())})
    guide = _guide(model, task)
    if guide is not None:
        predict = model.predictor(guide, images_of=task.name)
        count = len(predict.output.classes)
        gradients = [input_gradient(inputs, predict, number).cpu() for number in range(count)]
        arrays["sample_saliency"] = torch.cat(gradients, dim=1).numpy()
        arrays["saliency_classes"] = np.array(predict.output.classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)


@torch.no_grad()
def _whole(model: MultiTaskModel, task: Task, rows: Rows, part: slice, device: torch.device) -> NDArray[np.bool_]:
    """Of which images the backbone is shown the image itself."""
    images = rows.images(part).to(device).float() / 255
    with mode(model, training=False):
        shown = model.shown(task.name, images)
    return (shown - images).abs().flatten(1).amax(1).cpu().numpy() < 0.5 / 255


def arrays_of(rows: Rows, kept: KeptPredictions) -> dict[str, Any]:
    """What is kept, whose it is, and the images of the samples and of the worst."""
    arrays, places = kept.arrays(), kept.sample_places
    return arrays | {
        "ids": np.array(rows.ids),
        "patients": np.array(rows.patients),
        "sample_ids": np.array([rows.ids[place] for place in places]),
        "sample_images": _grey(rows.images(places)),
        "worst_images": _grey(rows.images(arrays["worst_places"])),
    }


def _grey(images: Tensor) -> Any:
    """Mean over channels, as bytes: (images, height, width)."""
    if images.shape[1] == 1:
        return images[:, 0].numpy()
    return images.float().mean(1).round().byte().numpy()


def _intensities(rows: Rows) -> Any:
    counts = np.zeros(256, np.int64)
    for place in range(len(rows)):
        counts += np.bincount(_grey(rows.images(slice(place, place + 1))).ravel(), minlength=256)
    return counts


def _guide(model: MultiTaskModel, task: Task) -> str | None:
    """The classification task whose saliency is shown beside this one: itself, or the one its bridge reads."""
    if task.output.kind != "masks":
        return task.name
    bridge = dict(model.bridges.items()).get(task.name)
    return min(bridge.reads, default=None) if isinstance(bridge, Bridge) else None
