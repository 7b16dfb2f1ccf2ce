"""Tells strategies, heads and the balancer what is known of each task, before anything is trained."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import torch
from torch import Tensor, nn

from ssmtl.contracts.head import Head
from ssmtl.contracts.random_stream import key
from ssmtl.contracts.source import Example
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.data.split_file import TaskSplit
from ssmtl.data.targets import targets_of
from ssmtl.data.task_data import TaskData
from ssmtl.errors import DataError, warn
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.task import Task
from ssmtl.model.multi_task_model import MultiTaskModel

ROWS = 2
"""Rows of each view, and images of each pool, where a step is only tried."""


def begin(experiment: Experiment, data: Mapping[str, TaskData]) -> None:
    """Each component is told once. :param data: by task."""
    facts = {}
    for task in experiment.tasks:
        rows = data[task.name]
        images = {"labeled": len(rows.labeled), "unlabeled": len(rows.unlabeled)}
        facts[task.name] = _facts_of(experiment, task, rows.labeled.targets, images)
    for task in experiment.tasks:
        tell(task, experiment, facts)
    tell_balancer(experiment, facts)
    experiment.model.begun = True


def tell_balancer(experiment: Experiment, facts: Mapping[str, TaskFacts]) -> None:
    """:param facts: by task."""
    with _seeded(experiment, "balancer"):
        experiment.balancer.begin(facts)


def begin_heads(experiment: Experiment, model: MultiTaskModel) -> None:
    """Tell the heads of this model made-up facts, if they were told none.

    It can then be tried, or filled with the weights of a run.
    """
    if model.begun:
        return
    for task in experiment.tasks:
        with _seeded(experiment, f"tasks.{task.name}.head"):
            model.head_of(task.name).begin(made_up_facts(experiment, task))
    model.begun = True


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


def made_up_facts(experiment: Experiment, task: Task) -> TaskFacts:
    """As if each pool had `ROWS` images; half of those whose label is known have each class."""
    kinds = ("masks", "numbers", "none")
    counts = None if task.output.kind in kinds else torch.full((len(task.output.classes),), ROWS)
    known = None if counts is None else 2 * counts
    return facts_of(experiment, task, {"labeled": ROWS, "unlabeled": ROWS}, counts, known)


def facts_of(
    experiment: Experiment,
    task: Task,
    images: Mapping[str, int],
    counts: Tensor | None,
    known: Tensor | None = None,
    numbers: tuple[Tensor, Tensor] | None = None,
) -> TaskFacts:
    """:param images: by pool. :param counts, known, numbers: as in `TaskFacts`.

    Another head, or another network's, is told the facts as the task's own is.
    """
    order = count(1)
    processes = experiment.recipe.train.devices * experiment.recipe.train.nodes

    def another_head() -> Head:
        head = task.make_head(next(order))
        head.begin(facts)
        return head

    def another_network() -> nn.Module:
        network = task.make_network(next(order))
        network.model.head_of(task.name).begin(replace(facts, pyramid=network.model.backbone.pyramid))
        return network

    facts = TaskFacts(
        task=task.name,
        outputs={one.name: one.output for one in experiment.tasks},
        pyramid=task.pyramid,
        images=images,
        class_counts=counts,
        steps=experiment.recipe.train.steps,
        make_head=another_head,
        make_network=another_network,
        known_counts=known,
        numbers=numbers,
        rows={pool: task.rows(pool) // processes for pool in images},
    )
    return facts


def check_facts(
    experiment: Experiment, splits: Mapping[str, TaskSplit], examples: Mapping[str, Sequence[Example]]
) -> None:
    """Whether each strategy can learn from what is known of its task's images; none is opened.

    A warning names the classes that no labelled image has.

    :param examples: by source. :raises DataError: with what every strategy lacks.
    """
    problems: list[str] = []
    missing: dict[str, str] = {}
    for task in experiment.tasks:
        split = splits[task.name]
        labeled = set(split.labeled)
        rows = [example for example in examples[split.source] if example.id in labeled]
        targets = targets_of(rows, task.output, split.source)
        images = {"labeled": len(rows), "unlabeled": sum(map(len, split.pool.values()))}
        facts = _facts_of(experiment, task, targets, images)
        if facts.class_counts is not None:
            counts = zip(task.output.classes, facts.class_counts.tolist(), strict=True)
            missing[task.name] = ", ".join(f"'{name}'" for name, images in counts if not images)
        for term in task.terms:
            try:
                with attributed(experiment, "before the training"):
                    term.strategy.check_facts(facts)
            except DataError as error:
                problems += error.problems
    if problems:
        raise DataError(*dict.fromkeys(problems))
    for name, classes in missing.items():
        if classes:
            warn(f"task '{name}': none of its labelled images has {classes}: nothing there to learn it from")


def _facts_of(experiment: Experiment, task: Task, targets: Tensor | None, images: Mapping[str, int]) -> TaskFacts:
    """:param targets: of the labelled images. :param images: by pool, how many there are."""
    counts, known, numbers = None, None, None
    if task.output.kind == "numbers" and targets is not None:
        mean = targets.nanmean(0)
        std = (targets - mean).square().nanmean(0).sqrt()
        numbers = mean, std.where(std > 0, 1.0)
    elif targets is not None:
        classes = len(task.output.classes)
        counts = targets.bincount(minlength=classes) if targets.ndim == 1 else targets.nansum(0).long()
        known = torch.full_like(counts, len(targets)) if targets.ndim == 1 else (~targets.isnan()).sum(0)
    return facts_of(experiment, task, images, counts, known, numbers)
