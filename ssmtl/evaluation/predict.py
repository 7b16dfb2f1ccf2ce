"""The predictions of one task on one evaluation set, batch by batch."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from ssmtl.data.mask_values import UNKNOWN
from ssmtl.data.rows import Rows
from ssmtl.experiment.task import Task
from ssmtl.model.mode import mode
from ssmtl.model.multi_task_model import MultiTaskModel

BATCH = 64
"""Rows of one forward pass in evaluation; it affects speed and memory, not the results."""


@dataclass(frozen=True)
class Predictions:
    """Of some images.

    :param patients: of each row. :param probabilities: (rows, classes) or (rows, structures, height, width).
    :param targets: as `Metric` takes them. Pixels of which nothing is known are outside, in both: no metric of overlap
        or distance counts them. A structure of which nothing is known is NaN throughout.
    """

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    probabilities: Tensor
    targets: Tensor


def predict(model: MultiTaskModel, task: Task, rows: Rows, device: torch.device) -> Iterator[Predictions]:
    """Probabilities and references on the CPU, for `BATCH` images at a time."""
    for part in parts(rows):
        yield _of(model, task, rows, part, device)


def predict_logits(model: MultiTaskModel, task: Task, rows: Rows, device: torch.device) -> Iterator[Tensor]:
    """Of a classification task, (rows, classes) on the CPU, for `BATCH` images at a time."""
    for part in parts(rows):
        yield _logits(model, task, rows, part, device).cpu()


def parts(rows: Rows) -> Iterator[slice]:
    """`BATCH` rows each, the last one fewer."""
    return (slice(start, min(start + BATCH, len(rows))) for start in range(0, len(rows), BATCH))


@torch.no_grad()
def _logits(model: MultiTaskModel, task: Task, rows: Rows, part: slice, device: torch.device) -> Tensor:
    """`no_grad`, not `inference_mode`: a bridge may differentiate."""
    with mode(model, training=False):
        images = rows.images(part).to(device).float().div_(255)
        return model.logits(task.name, images).float()


def _of(model: MultiTaskModel, task: Task, rows: Rows, part: slice, device: torch.device) -> Predictions:
    logits = _logits(model, task, rows, part, device)
    predicted, target = task.output.probabilities(logits).cpu(), rows.target(part)
    if task.output.kind == "masks":
        unknown = target == UNKNOWN
        predicted, target = predicted.masked_fill(unknown, 0), target.masked_fill(unknown, 0).float()
        target[unknown.flatten(2).all(2)] = torch.nan
    return Predictions(rows.ids[part], rows.patients[part], predicted, target)


def is_known(masks: Tensor) -> Tensor:
    """(images, structures): whether anything is known of each, which is NaN throughout otherwise."""
    return ~masks[:, :, 0, 0].isnan()


def joined(batches: Iterable[Predictions]) -> Predictions:
    """All of them as one: for masks, more than half a megabyte for each image of 256 x 256 pixels."""
    every = tuple(batches)
    return Predictions(
        tuple(chain.from_iterable(one.ids for one in every)),
        tuple(chain.from_iterable(one.patients for one in every)),
        torch.cat([one.probabilities for one in every]),
        torch.cat([one.targets for one in every]),
    )


def shown_to(batches: Iterable[Predictions], *observers: Callable[[Predictions], None]) -> Iterator[Predictions]:
    """The batches, each shown to the observers when it comes by."""
    for batch in batches:
        for observer in observers:
            observer(batch)
        yield batch
