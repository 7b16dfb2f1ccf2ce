"""The fused pass: which rows go through the encoder, and which of them each strategy gets back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssmtl.contracts.shapes import Images, Logits
from ssmtl.contracts.strategy import TaskPredictor
from ssmtl.contracts.view import Batch, View
from ssmtl.experiment.task import Task, Term


@dataclass(frozen=True)
class StrategyBatch:
    """One strategy's batch, ready for the encoder."""

    task: Task
    term: Term
    batch: Batch

    @property
    def name(self) -> str:
        """For the log: 'task.strategy'."""
        return f"{self.task.name}.{self.term.name}"


Layout = Mapping[tuple[str, View], slice]
"""By (strategy, view): its rows among the task's."""


@torch.no_grad()
def prepared(task: Task, term: Term, batch: Batch, predict: TaskPredictor) -> StrategyBatch:
    """The strategy's batch, prepared from its views of the task's batch."""
    return StrategyBatch(task, term, term.strategy.prepare(batch.keep(term.strategy.views), predict))


def gather(parts: Sequence[StrategyBatch]) -> tuple[dict[str, Images], Layout]:
    """The rows of each task, and where each strategy's views lie in them.

    Strategies that request the same view and leave its images unchanged share the rows.
    """
    rows: dict[str, list[Images]] = {}
    filled: dict[str, int] = {}
    known: dict[tuple[str, View, int], slice] = {}
    layout: dict[tuple[str, View], slice] = {}
    for part in parts:
        task = part.task.name
        for view, images in part.batch.images.items():
            place = known.get((task, view, id(images)))
            if place is None:
                start = filled.get(task, 0)
                place = known[task, view, id(images)] = slice(start, start + len(images))
                rows.setdefault(task, []).append(images)
                filled[task] = place.stop
            layout[part.name, view] = place
    return {task: torch.cat(images) for task, images in rows.items()}, layout


def outputs_of(part: StrategyBatch, logits: Mapping[str, Tensor], layout: Layout) -> dict[View, Logits]:
    """One strategy's logits by view, in float32.

    :param logits: of all tasks, each with rows and classes of its own.
    """
    task = logits[part.task.name]
    return {view: task[layout[part.name, view]].float() for view in part.batch.images}
