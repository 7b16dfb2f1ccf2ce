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
from ssmtl.model.coupled_rows import batch_norms, couples_rows
from ssmtl.model.normalization import kinds_in
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
    checks = (_exclusive, _guides, _looks, _unread, _selection, _budgets, _without_labels, _devices, _passes, _norm)
    return [problem for check in checks for problem in check(recipe, parts)]


def _exclusive(_recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    for task in parts.tasks:
        for number, term in enumerate(task.terms if task.output.exclusive else ()):
            if task.output.kind in term.strategy.accepts and not term.strategy.takes_exclusive:
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
        for own in (bridge.reads, bridge.learns_from):
            if name in own:
                verb = "reads" if own is bridge.reads else "learns from"
                yield Problem(where, f"{verb} '{name}', its own task", "name another task")
        path = _cycle(parts.bridges, name, (name,)) if name not in bridge.reads else ()
        for read in sorted(bridge.reads & parts.heads.keys() - {name}):
            kind = parts.heads[read].output.kind
            if not path and kind not in bridge.guide_kinds:
                hint = f"it consults tasks of kind {', '.join(sorted(bridge.guide_kinds))}"
                yield Problem(where, f"cannot be guided by '{read}', a task of kind {kind}", hint)
        if path and name == min(path, key=list(parts.bridges).index):  # reported once, at its first task
            what, hint = f"the bridges form a cycle: {' → '.join(path)}", "one of them must not be guided by the other"
            yield Problem(where, what, hint)


def _looks(_recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    for name, bridge in parts.bridges.items():
        if name in parts.heads and parts.heads[name].output.kind == "masks" and type(bridge).look is not Bridge.look:
            what = "shows the backbone something else than the image, and the task's masks would be of that"
            yield Problem(f"tasks.{name}.bridge", what, "it is for a task of labels or numbers")


def _unread(_recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    """A level that a bridge widens for nothing."""
    plain = parts.backbone.pyramid
    for name, head in parts.heads.items():
        if head.read_strides is None or name not in parts.bridges:
            continue
        levels = zip(plain.strides, plain.channels, parts.bridges[name].pyramid.channels, strict=False)
        for stride in [stride for stride, before, after in levels if before != after]:
            if stride not in head.read_strides:
                what = f"adds to the level of stride {stride}, which the task's head does not read"
                known = ", ".join(map(str, sorted(head.read_strides)))
                yield Problem(f"tasks.{name}.bridge", what, f"set a stride that it reads: {known}")


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
        yield Problem("train.micro_batch", what, "set micro_batch: auto or off, or norm: group")


def _norm(recipe: Recipe, parts: Parts) -> Iterator[Problem]:
    """Whether the recipe's `norm` could be had."""
    norm = recipe.norm
    networks = [parts.backbone, *parts.heads.values(), *parts.bridges.values()]
    if norm is None or len(parts.tasks) < len(recipe.tasks):
        return
    if not any(True for network in networks for _ in kinds_in(network)):
        what = "the network has no batch, instance or group normalisation, which is what can be exchanged"
        yield Problem("norm", what, "leave it out, or choose another backbone")
    read = [parts.backbone] if norm == "domain" else networks
    left = sorted({type(layer).__name__ for network in read for layer in batch_norms(network)} - {"BatchNorm2d"})
    if norm in ("instance", "group") and left:
        what = f"the network has {', '.join(left)}, which cannot be exchanged for {norm} normalisation"
        yield Problem("norm", what, "choose another backbone or head, or leave 'norm' out")
    if norm == "domain":
        yield from _domains(recipe, parts, left)


def _domains(recipe: Recipe, parts: Parts, left: Sequence[str]) -> Iterator[Problem]:
    sources = sorted({spec.source for spec in recipe.tasks.values()})
    others = [name for name, spec in recipe.tasks.items() if spec.other_sources]
    if others:
        what = f"'domain' has statistics for the source of each task, and '{others[0]}' has unlabelled images of others"
        yield Problem("norm", what, "leave it out, or leave 'unlabeled_from' out")
    elif len(sources) == 1:
        what = f"'domain' has statistics for each source, and all tasks have the source '{sources[0]}'"
        yield Problem("norm", what, "set norm: batch")
    elif "domain" not in kinds_in(parts.backbone):
        what = f"the backbone '{recipe.backbone.use}' has no batch, instance or group normalisation to exchange"
        yield Problem("norm", what, "choose another backbone, or leave 'norm' out")
    elif left:
        what = f"the backbone has {', '.join(left)}, which cannot have statistics for each source"
        yield Problem("norm", what, "choose another backbone, or leave 'norm' out")
