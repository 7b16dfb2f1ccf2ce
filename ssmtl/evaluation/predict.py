"""The predictions of one task on one evaluation set."""

from dataclasses import dataclass

import numpy as np
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
    """:param patients: of each row. :param probabilities: (rows, classes) or (rows, structures, height, width).

    :param targets: as `Metric` takes them. Pixels of which nothing is known are outside, in both: no metric of overlap
        or distance counts them.
    """

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    probabilities: Tensor
    targets: Tensor


@torch.no_grad()
def predict(model: MultiTaskModel, task: Task, rows: Rows, device: torch.device) -> Predictions:
    """Probabilities and references on the CPU. `no_grad`, not `inference_mode`: a bridge may differentiate."""
    probabilities, targets = [], []
    with mode(model, training=False):
        for start in range(0, len(rows), BATCH):
            part = np.arange(start, min(start + BATCH, len(rows)))
            images = rows.images(part).to(device).float() / 255
            logits = model.logits(task.name, images).float()
            predicted, target = task.output.probabilities(logits).cpu(), rows.target(part)
            if task.output.kind == "masks":
                unknown = target == UNKNOWN
                predicted, target = predicted.masked_fill(unknown, 0), target.masked_fill(unknown, 0).float()
            probabilities.append(predicted)
            targets.append(target)
    return Predictions(rows.ids, rows.patients, torch.cat(probabilities), torch.cat(targets))
