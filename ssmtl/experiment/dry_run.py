"""One step on grey images: parts that do not fit together are detected before any data is read."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Logits
from ssmtl.contracts.view import Batch
from ssmtl.errors import Problem, first_line
from ssmtl.experiment.task import Task
from ssmtl.model.multi_task_model import MultiTaskModel, evaluation_mode
from ssmtl.recipe.models import ImageSpec

REFUSALS = (ValueError, TypeError, ArithmeticError, RuntimeError, LookupError, MemoryError)
"""What a component raises if it does not fit, or cannot do what is asked."""

ROWS = 2
"""Rows of each view in the dry run."""


@torch.no_grad()
def dry_run(tasks: tuple[Task, ...], model: MultiTaskModel, image: ImageSpec, ema: bool) -> tuple[list[Problem], int]:
    """The problems, and how many rows a real step encodes with gradient.

    :param ema: whether the recipe keeps averaged weights, which a strategy may ask for.
    """
    problems, rows = [], 0
    with evaluation_mode(model), torch.random.fork_rng(devices=[]):
        for task in tasks:
            mistakes, encoded = _head(task, model, image), 0
            if not mistakes:
                mistakes, encoded = _strategies(task, model, image, ema)
            problems += mistakes
            rows += encoded
    return problems, rows


def _head(task: Task, model: MultiTaskModel, image: ImageSpec) -> list[Problem]:
    """One image through the task, since a last evaluation batch may have only one."""
    tried = f"tried with an image of {image.size} pixels"
    try:
        logits = model.logits(task.name, torch.full((1, image.channels, image.size, image.size), 0.5))
    except REFUSALS as error:
        return [Problem(f"tasks.{task.name}", first_line(error), tried)]
    expected: tuple[int, ...] = (1, len(task.output.classes))
    expected += (image.size, image.size) if task.output.kind == "masks" else ()
    if tuple(logits.shape) == expected:
        return []
    what = f"gives logits of shape {tuple(logits.shape)}, expected {expected}"
    return [Problem(f"tasks.{task.name}.head", what, tried)]


def _strategies(task: Task, model: MultiTaskModel, image: ImageSpec, ema: bool) -> tuple[list[Problem], int]:
    """Each strategy prepares a batch and computes a loss; the rows left to encode are counted."""

    def predict(
        images: Images,
        *,
        weights: Literal["student", "ema"] = "student",
        training: bool = False,  # noqa: ARG001 - shapes are the same
    ) -> Logits:
        if weights == "ema" and not ema:
            raise ValueError("asks for the averaged weights as teacher, but the recipe has no train.ema")
        return model.logits(task.name, images)

    problems, encoded = [], {}
    batch = _grey_batch(task, image)
    for number, term in enumerate(task.terms):
        where = f"tasks.{task.name}.strategies.{number}"
        try:
            own = term.strategy.prepare(batch.keep(term.strategy.views), predict)
            outputs = {view: model.logits(task.name, images) for view, images in own.images.items()}
            loss = term.strategy.loss(own, outputs, 0.0)
        except REFUSALS as error:
            problems.append(Problem(where, first_line(error)))
            continue
        encoded.update({(view, id(images)): task.rows(view.pool) for view, images in own.images.items()})
        if loss.shape:
            problems.append(Problem(where, f"gives a loss of shape {tuple(loss.shape)}, expected one number"))
    return problems, sum(encoded.values())


def _grey_batch(task: Task, image: ImageSpec) -> Batch:
    shape = (ROWS, image.channels, image.size, image.size)
    images: Mapping = {view: torch.full(shape, 0.5) for view in task.views}
    targets = {view: _targets(task, image.size) for view in task.views if view.pool == "labeled"}
    streams = {view: RandomStream.of(np.arange(ROWS, dtype=np.uint64), str(view)) for view in task.views}
    return Batch(images, targets, streams)


def _targets(task: Task, size: int) -> Tensor:
    classes = len(task.output.classes)
    if task.output.kind == "multiclass":
        return torch.zeros(ROWS, dtype=torch.int64)
    return torch.zeros((ROWS, classes) if task.output.kind == "multilabel" else (ROWS, classes, size, size))
