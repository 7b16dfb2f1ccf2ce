"""Whether components that are right by themselves fit together: guides, selection, processes, passes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from ssmtl.contracts.backbone import Backbone
from ssmtl.contracts.bridge import Bridge
from ssmtl.contracts.head import Head
from ssmtl.contracts.metric import selecting_metric
from ssmtl.errors import Problem, nearest
from ssmtl.experiment.task import Task
from ssmtl.model.coupled_rows import couples_rows
from ssmtl.recipe.models import Recipe


@dataclass(frozen=True)
class Parts:
    """What was built so far. :param tasks: those all of whose components could be built."""

    backbone: Backbone
    heads: Mapping[str, Head]
    bridges: Mapping[str, Bridge]
    tasks: Sequence[Task]


def misfits(recipe: Recipe, parts: Parts) -> list[Problem]:
    """Every mistake in how the components are put together."""
    checks = (_exclusive, _guides, _selection, _budgets, _without_labels, _devices, _passes)
    return [problem for check in checks for problem in check(recipe, parts)]


def _exclusive(_recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    for task in parts.tasks:
        for number, term in enumerate(task.terms if task.output.exclusive else ()):
            if not term.strategy.takes_exclusive:
                what = f"'{term.name}' takes each structure by itself, and those of the head are exclusive"
                yield Problem(f"tasks.{task.name}.strategies.{number}", what, "leave 'exclusive' out of the head")


def _guides(recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    for name, bridge in parts.bridges.items():
        where = f"tasks.{name}.bridge"
        for read in sorted(bridge.reads | bridge.learns_from):
            if read not in recipe.tasks:
                verb = "reads" if read in bridge.reads else "learns from"
                what = f"{verb} the task '{read}', which is not in the recipe"
                yield Problem(where, what, nearest(read, recipe.tasks))
        if name in bridge.learns_from:
            yield Problem(where, f"learns from '{name}', its own task", "name another task")
        path = _cycle(parts.bridges, name, (name,))
        for read in sorted(bridge.reads & parts.heads.keys()):
            kind = parts.heads[read].output.kind
            if not path and kind not in bridge.guide_kinds:
                hint = f"it consults tasks of kind {', '.join(sorted(bridge.guide_kinds))}"
                yield Problem(where, f"cannot be guided by '{read}', a task of kind {kind}", hint)
        if path and name == min(path, key=list(parts.bridges).index):  # reported once, at its first task
            what, hint = f"the bridges form a cycle: {' → '.join(path)}", "one of them must not be guided by the other"
            yield Problem(where, what, hint)


def _cycle(bridges: Mapping[str, Bridge], name: str, path: tuple[str, ...]) -> tuple[str, ...]:
    for read in sorted(bridges[name].reads) if name in bridges else ():
        if read == path[0]:
            return (*path, read)
        if read not in path:
            cycle = _cycle(bridges, read, (*path, read))
            if cycle:
                return cycle
    return ()


def _selection(recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    metrics = [metric for task in parts.tasks for metric in task.metrics.values()]
    usable = len(parts.tasks) == len(recipe.tasks) and None not in metrics
    if recipe.train.select_by == "validation" and usable and selecting_metric(metrics) is None:
        what, hint = "no task has a metric that can select weights", "name one such as dice, or set select_by: last"
        yield Problem("train.select_by", what, hint)


def _budgets(recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    """Masks and numbers have no classes of images."""
    for name, head in parts.heads.items():
        if isinstance(recipe.tasks[name].labeled, dict) and head.output.kind in ("masks", "numbers"):
            what = f"a number for each class is for tasks with labels, and this one has {head.output.kind}"
            yield Problem(f"tasks.{name}.labeled", what, "give a number of images, a share between 0 and 1, or all")


def _without_labels(_recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    """A task without an output has nothing to label or to score."""
    for task in parts.tasks:
        if task.output.has_labels:
            continue
        where, spec = f"tasks.{task.name}", task.spec
        unset = {"metrics": [], "evaluate_on": {}, "labeled": "all"}
        for key, value in unset.items():
            if getattr(spec, key) != value:
                yield Problem(f"{where}.{key}", f"the head '{spec.head.use}' has no labels", "leave this key out")
        for number, term in enumerate(task.terms):
            if any(view.pool == "labeled" for view in term.strategy.views):
                what = f"'{term.name}' asks for labelled images, and the task has none"
                yield Problem(f"{where}.strategies.{number}", what, "name a strategy for unlabelled images alone")


def _devices(recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    """Every process takes an equal part of each batch."""
    processes = recipe.train.devices * recipe.train.nodes
    for task in parts.tasks:
        for pool in sorted({view.pool for view in task.views}):
            if task.rows(pool) % processes:
                what = f"task '{task.name}': {task.rows(pool)} {pool} rows per step do not divide among {processes}"
                hint = f"set tasks.{task.name}.batch or unlabeled_batch to a multiple of {processes}"
                yield Problem("train.devices", f"{what} devices", hint)


def _passes(recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    """With batch normalisation, what the network says of a row depends on the rows that pass with it."""
    coupled = couples_rows(nn.ModuleList([parts.backbone, *parts.heads.values(), *parts.bridges.values()]))
    if isinstance(recipe.train.micro_batch, int) and coupled:
        what = "the network has batch normalisation, so that passes of fewer rows would give other results"
        yield Problem("train.micro_batch", what, "set micro_batch: auto, or off")
