"""The evaluation pass: predictions of one task on one set, and what the metrics say of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssmtl.data.dataset import Rows
from ssmtl.model import MultiTaskModel
from ssmtl.task import Task

SCORE = {"masks": "dice", "multiclass": "auroc", "multilabel": "auroc"}
"""By kind of output, the metric that selects weights on validation images (the first of the task's, if it lacks it)."""

BATCH = 64
"""Rows of one forward pass in evaluation; it changes speed and memory, no result."""


@dataclass(frozen=True)
class Predictions:
    """:param probabilities: (rows, classes) or (rows, structures, height, width).

    :param targets: as `Metric` takes them.
    """

    ids: tuple[str, ...]
    probabilities: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Scores:
    """:param values: one number a metric. :param per_image: (rows,), for the metrics that have a value an image."""

    values: Mapping[str, float]
    per_image: Mapping[str, Tensor]


@torch.no_grad()
def predict(model: MultiTaskModel, task: Task, rows: Rows, device: torch.device) -> Predictions:
    """Probabilities and references on the CPU. `no_grad`, not `inference_mode`: a bridge may differentiate.

    Dropout that is left on draws the same each time.
    """
    probabilities, targets = [], []
    with torch.random.fork_rng(enabled=model.test_dropout), model.evaluating():
        if model.test_dropout:
            torch.manual_seed(0)
        for start in range(0, len(rows), BATCH):
            part = np.arange(start, min(start + BATCH, len(rows)))
            images = rows.images(part).to(device).float() / 255
            logits = model.logits(task.name, images).float()
            probabilities.append(task.output.probabilities(logits).cpu())
            targets.append(rows.target(part))
    found = torch.cat(targets)
    return Predictions(rows.ids, torch.cat(probabilities), found.float() if task.output.kind == "masks" else found)


def score(task: Task, predictions: Predictions) -> Scores:
    """Every metric of the task; values an image are kept and averaged."""
    values: dict[str, float] = {}
    per_image: dict[str, Tensor] = {}
    for metric in task.metrics.values():
        for name, value in metric(predictions.probabilities, predictions.targets).items():
            if value.ndim:
                per_image[name] = value
            values[name] = value.double().mean().item()
    return Scores(values, per_image)


def selection_score(values: Mapping[str, Mapping[str, float]], tasks: tuple[Task, ...]) -> float:
    """The mean over tasks of each one's selecting metric; a metric that is not a number counts as 0."""
    numbers = []
    for task in tasks:
        if not task.metrics:
            continue
        found = values[task.name]
        name = SCORE[task.output.kind]
        number = found[name] if name in found else next(iter(found.values()))
        numbers.append(0.0 if math.isnan(number) else number)
    return sum(numbers) / len(numbers) if numbers else 0.0


def count_images(kind: str, probabilities: Tensor, targets: Tensor) -> dict[str, int]:
    """How many images were scored, and how many masks were empty, over images and structures.

    `both_empty` is part of the other two.
    """
    counts = {"images": len(targets)}
    if kind == "masks":
        reference, predicted = (mask.flatten(2).any(2) for mask in (targets > 0.5, probabilities > 0.5))
        counts["empty_reference"] = int((~reference).sum())
        counts["empty_prediction"] = int((~predicted).sum())
        counts["both_empty"] = int((~reference & ~predicted).sum())
    return counts
