"""Tells strategies, heads and the balancer what is known of each task, before anything is trained."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count

import torch
from torch import Tensor

from ssmtl.contracts.random_stream import key
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.data.rows import TaskData
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.task import Task


def begin(experiment: Experiment, data: Mapping[str, TaskData]) -> None:
    """Each component is told once. :param data: by task."""
    facts = {task.name: _facts_of(experiment, task, data[task.name]) for task in experiment.tasks}
    for task in experiment.tasks:
        tell(task, experiment, facts)
    with _seeded(experiment, "balancer"):
        experiment.balancer.begin(facts)


def tell(task: Task, experiment: Experiment, facts: Mapping[str, TaskFacts]) -> None:
    """Tell one task's head and strategies. :param facts: by task."""
    with _seeded(experiment, f"tasks.{task.name}.head"):
        experiment.model.head_of(task.name).begin(facts[task.name])
    for number, term in enumerate(task.terms):
        with _seeded(experiment, f"tasks.{task.name}.strategies.{number}"):
            term.strategy.begin(facts[task.name])


@contextmanager
def _seeded(experiment: Experiment, place: str) -> Iterator[None]:
    """Initial weights are a pure function of the seed and of the component's place in the recipe."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(experiment.recipe.seed, "begin", place) % 2**63)
        yield


def facts_of(
    experiment: Experiment,
    task: Task,
    images: Mapping[str, int],
    counts: Tensor | None,
    known: Tensor | None = None,
    numbers: tuple[Tensor, Tensor] | None = None,
) -> TaskFacts:
    """:param images: by pool. :param counts, known, numbers: as in `TaskFacts`."""
    order = count(1)
    return TaskFacts(
        task=task.name,
        outputs={one.name: one.output for one in experiment.tasks},
        pyramid=task.pyramid,
        images=images,
        class_counts=counts,
        steps=experiment.recipe.train.steps,
        make_head=lambda: task.make_head(next(order)),
        make_network=lambda: task.make_network(next(order)),
        known_counts=known,
        numbers=numbers,
    )


def _facts_of(experiment: Experiment, task: Task, data: TaskData) -> TaskFacts:
    targets, counts, known, numbers = data.labeled.targets, None, None, None
    if task.output.kind == "numbers" and targets is not None:
        mean = targets.nanmean(0)
        std = (targets - mean).square().nanmean(0).sqrt()
        numbers = mean, std.where(std > 0, 1.0)
    elif targets is not None:
        classes = len(task.output.classes)
        counts = targets.bincount(minlength=classes) if targets.ndim == 1 else targets.nansum(0).long()
        known = torch.full_like(counts, len(targets)) if targets.ndim == 1 else (~targets.isnan()).sum(0)
    images = {"labeled": len(data.labeled), "unlabeled": len(data.unlabeled)}
    return facts_of(experiment, task, images, counts, known, numbers)
