"""Which rows go through the network together, and which of them each strategy gets back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor

from ssmtl.contracts.outputs import Outputs
from ssmtl.contracts.shapes import Images
from ssmtl.contracts.strategy import TaskPredictor
from ssmtl.contracts.view import Batch, View
from ssmtl.errors import SsmtlError
from ssmtl.experiment.strategy_outputs import Autocast, StrategyOutputs
from ssmtl.experiment.task import Task, Term
from ssmtl.model.multi_task_model import MultiTaskModel, NetworkOutput


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

    def loss(self, outputs: Outputs, progress: float) -> Tensor:
        """The strategy's loss of these rows.

        :raises SsmtlError: if it is not one number.
        """
        loss = self.term.strategy.loss(self.batch, outputs, progress)
        if not isinstance(loss, Tensor) or loss.ndim:
            found = f"of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"that is a {type(loss).__name__}"
            raise SsmtlError(f"the strategy '{self.name}' gives a loss {found}, expected one number")
        return loss

    def part(self, number: int, of: int) -> "StrategyBatch":
        """Number `number` (from 0) of so many equal parts of its rows."""
        return StrategyBatch(self.task, self.term, self.batch.part(number, of))


Layout = Mapping[tuple[str, View], slice]
"""By (strategy, view): its rows among the task's."""


@dataclass(frozen=True)
class Pass:
    """Rows that are encoded together, and so share activations.

    :param rows: by task. :param parts: of the strategies whose rows they are, with only these.
    :param share: of the rows of each of its tasks that are here: what a mean over them counts in the mean over all.
    """

    rows: Mapping[str, Images]
    parts: Sequence[StrategyBatch]
    layout: Layout
    share: float

    def outputs_of(
        self,
        part: StrategyBatch,
        decoded: Mapping[str, NetworkOutput],
        model: MultiTaskModel,
        autocast: Autocast = nullcontext,
    ) -> StrategyOutputs:
        """One strategy's outputs.

        :param decoded: by task, of `rows`. :param autocast: the context in which the network computes.
        """
        task = part.task.name
        places = {view: self.layout[part.name, view] for view in part.batch.images}
        return StrategyOutputs(model, task, self.rows[task], decoded[task], places, autocast)


@torch.no_grad()
def prepared(task: Task, term: Term, batch: Batch, predict: TaskPredictor) -> StrategyBatch:
    """The strategy's batch, prepared from its views of the task's batch.

    :raises SsmtlError: if it is none, or if what it has for a view is not row-aligned with the images.
    """
    own = term.strategy.prepare(batch.keep(term.strategy.views), predict)
    who = f"the strategy '{task.name}.{term.name}'"
    if not isinstance(own, Batch):
        raise SsmtlError(f"{who}: prepare returns {type(own).__name__}, expected an ssmtl.Batch")
    for view, images in own.images.items():
        for what, rows in (("targets", own.targets), ("random keys", own.streams), ("samples", own.samples)):
            if view in rows and len(rows[view]) != len(images):
                raise SsmtlError(f"{who}: prepare gives {len(images)} images and {len(rows[view])} {what} of {view}")
    return StrategyBatch(task, term, own)


def passes(parts: Sequence[StrategyBatch], limit: int | None) -> Iterator[Pass]:
    """All rows in one pass; or, with a limit, those of one task at a time, in as few equal parts as it allows.

    Rows of a task are only taken apart if each of its strategies computes a loss that is a mean over rows.

    :param limit: the most rows of one pass, if they can be taken apart so far; None: all rows of all tasks in one.
    """
    if limit is None:
        yield _one_pass(parts, 0, 1)
        return
    for task in dict.fromkeys(part.task.name for part in parts):
        own = [part for part in parts if part.task.name == task]
        count = _parts_of(own, limit)
        for number in range(count):
            yield _one_pass(own, number, count)


def _parts_of(parts: Sequence[StrategyBatch], limit: int) -> int:
    """Into how many equal parts the rows of one task are divided."""
    if not all(part.term.strategy.by_rows(part.batch) for part in parts):
        return 1
    images = {id(rows): len(rows) for part in parts for rows in part.batch.images.values()}
    total, common = sum(images.values()), gcd(*(size for part in parts for size in part.batch.sizes()))
    return next((count for count in range(1, common) if common % count == 0 and total <= limit * count), common)


def _one_pass(parts: Sequence[StrategyBatch], number: int, of: int) -> Pass:
    rows, layout = gather(parts)
    if of == 1:
        return Pass({task: torch.cat(images) for task, images in rows.items()}, parts, layout, 1.0)
    few = {task: torch.cat([_part(one, number, of) for one in images]) for task, images in rows.items()}
    places = {key: slice(place.start // of, place.stop // of) for key, place in layout.items()}
    return Pass(few, [part.part(number, of) for part in parts], places, 1 / of)


def _part(rows: Tensor, number: int, of: int) -> Tensor:
    each = len(rows) // of
    return rows[number * each : (number + 1) * each]


def gather(parts: Sequence[StrategyBatch]) -> tuple[dict[str, list[Images]], Layout]:
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
    return rows, layout
