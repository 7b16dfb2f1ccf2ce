"""Recipe + registries → Experiment. Every mistake is collected; no data is touched."""

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ssmtl.contracts.backbone import Backbone
from ssmtl.contracts.balancer import Balancer
from ssmtl.contracts.bridge import Bridge
from ssmtl.contracts.declared import wrong_sets
from ssmtl.contracts.head import Head
from ssmtl.contracts.metric import wrong_facts
from ssmtl.contracts.random_stream import key
from ssmtl.contracts.strategy import Strategy
from ssmtl.errors import Problem, RecipeError
from ssmtl.experiment.another import another_head, another_network
from ssmtl.experiment.check_names import check_names
from ssmtl.experiment.dry_run import dry_run
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.fitting import Parts, misfits
from ssmtl.experiment.image_size import check_image_size
from ssmtl.experiment.in_turn import in_turn
from ssmtl.experiment.label_use import warn_of_labels_twice, warn_of_unused
from ssmtl.experiment.misleading import misleading, warn_of_views_that_may_move
from ssmtl.experiment.task import Task, Term
from ssmtl.model.domain_norm import DomainRows
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.model.normalization import convert
from ssmtl.recipe.components import Component
from ssmtl.recipe.defaults import resolved
from ssmtl.recipe.models import Recipe, TaskSpec
from ssmtl.registry.blame import FAILURES, place, said
from ssmtl.registry.options import build, options_model
from ssmtl.registry.plugins import Plugins

Where = str | Callable[[str], str]

CLASSES: dict[str, type] = {
    "backbone": Backbone, "balancer": Balancer, "bridge": Bridge, "head": Head, "strategy": Strategy,
}  # fmt: skip

ATTRIBUTES = {
    "backbone": ("pyramid",),
    "bridge": ("pyramid", "reads", "learns_from"),
    "head": ("output",),
    "strategy": ("accepts", "views"),
    "metric": ("higher_is_better", "unit", "selects"),
}
"""By kind, what a component says about itself."""


def assemble(
    recipe: Recipe, plugins: Plugins, where: Where = "recipe", *, pretrained: bool = True, trained: bool = False
) -> Experiment:
    """Build the experiment; weights are initialised as a pure function of the seed and of each component's place.

    Its recipe is the resolved one: what is hashed and saved does not depend on which defaults were written out.

    :param where: the recipe's file, or what turns a key into the place where a user finds it.
    :param pretrained: False if a run's weights are loaded next: components with the option `pretrained` get False,
        and no `weights`, and so need no network and no other file.
    :param trained: True if training is over: what would only have misled it is no mistake then.
    :raises RecipeError: with every mistake that can be detected without data.
    """
    _stop_at(check_names(recipe, plugins), where)
    recipe = resolved(recipe, plugins)
    assembly = _Assembly(recipe, plugins, pretrained)
    _stop_at([*assembly.problems, *([] if trained else misleading(assembly.tasks))], where)
    origins = {part: plugins[kind][component.use].origin for part, kind, component in recipe.components()}
    experiment = Experiment(recipe, tuple(assembly.tasks), assembly.model(), assembly.balancer, 0, origins)
    problems, rows = dry_run(experiment)
    _stop_at(problems, where)
    warn_of_labels_twice(experiment.tasks)
    warn_of_unused(recipe, experiment.tasks)
    if not trained:
        warn_of_views_that_may_move(experiment.tasks)
    return replace(experiment, rows=rows)


def _stop_at(problems: list[Problem], where: Where) -> None:
    if problems:
        places = [where(one.where) if callable(where) else f"{where}: {one.where}" for one in problems]
        raise RecipeError([replace(one, where=place) for one, place in zip(problems, places, strict=True)])


def _positional(make: Callable[..., Any]) -> int:
    """How many arguments a backbone takes from the engine: the image's channels, and its size if it depends on it."""
    kinds = [parameter.kind for parameter in inspect.signature(make).parameters.values()]
    return max(1, kinds.count(inspect.Parameter.POSITIONAL_ONLY))


def _without_weights(options: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The options of a component that is to fetch no weights. :param known: the names of its options."""
    none = {"pretrained": False, "weights": None} if "pretrained" in known else {}
    return {**options, **{name: value for name, value in none.items() if name in known}}


def _wrong(kind: str, built: Any) -> list[str]:
    """What a component says about itself and may not."""
    if kind == "metric":
        return wrong_facts(built)
    wrong = wrong_sets(built)
    decay = getattr(built, "teacher_decay", None)
    if decay is not None and not (isinstance(decay, int | float) and 0 < decay < 1):
        wrong.append(f"teacher_decay is {decay!r}, expected a number > 0 and < 1, or None")
    if not isinstance(getattr(built, "moved_by", ()), tuple):
        wrong.append(f"moved_by is {built.moved_by!r}, expected a tuple of words")
    return wrong


def _lacking_augmentations(where: str, part: str, use: str, strategy: Strategy, spec: TaskSpec) -> Iterator[Problem]:
    """One problem for each augmentation that the strategy asks for and the task has not. :param part: its own key."""
    for name in sorted({view.augment for view in strategy.views} - set(spec.augment)):
        views = [str(view) for view in sorted(strategy.views) if view.augment == name]
        what = f"'{use}' asks for the view{'s' if len(views) > 1 else ''} {', '.join(views)}, and there is no '{name}'"
        known = f"known: {', '.join(spec.augment)}" if spec.augment else "the task has none"
        yield Problem(part, what, f"set {where}.augment.{name}.use; {known}")


class _Assembly:
    """Builds the parts in order, and collects what a constructor or a contract rejects."""

    def __init__(self, recipe: Recipe, plugins: Plugins, pretrained: bool) -> None:
        self.recipe, self.plugins, self.pretrained = recipe, plugins, pretrained
        self.problems: list[Problem] = []
        self.heads: dict[str, Head] = {}
        self.bridges: dict[str, Bridge] = {}
        self.tasks: list[Task] = []
        image = recipe.image
        self.engine = (image.channels, image.size)[: _positional(plugins["backbone"][recipe.backbone.use].make)]
        backbone = self._build("backbone", recipe.backbone, "backbone", *self.engine)
        balancer = self._build("balancer", recipe.balancer, "balancer", recipe.balanced_names())
        if backbone is not None and balancer is not None:
            self.backbone: Backbone = backbone
            self.balancer: Balancer = balancer
            self.problems += check_image_size(recipe.backbone.use, backbone.pyramid.strides, image.size)
            for name, spec in recipe.tasks.items():
                self._task(name, spec)
            self.problems += misfits(recipe, Parts(backbone, self.heads, self.bridges, self.tasks))

    def model(self) -> MultiTaskModel:
        recipe = self.recipe
        used = {name: spec.normalize or recipe.image for name, spec in recipe.tasks.items()}
        return MultiTaskModel(
            self.backbone,
            self.heads,
            self.bridges,
            {name: (spec.mean, spec.std) for name, spec in used.items()},
        )

    def _build(self, kind: str, component: Component, where: str, *engine: Any) -> Any:
        entry = self.plugins[kind][component.use]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(key(self.recipe.seed, "weights", where) % 2**63)
            try:
                options = component.options
                if not self.pretrained:
                    options = _without_weights(options, options_model(entry.make, component.use).model_fields)
                built = build(entry.make, component.use, options, *engine)
                if isinstance(built, Backbone | Head | Bridge) and self.recipe.norm is not None:
                    built = self._converted(built, where)
                lacking = [name for name in ATTRIBUTES.get(kind, ()) if not hasattr(built, name)]
                wrong = [] if lacking else _wrong(kind, built)
            except FAILURES as error:
                self.problems.append(Problem(where, said(error), place(error, entry.make, entry.origin)))
                return None
        wanted = CLASSES.get(kind)
        if wanted is not None and not isinstance(built, wanted):
            what = f"'{component.use}' of plugin {entry.origin} is no ssmtl.{wanted.__name__}, but a {type(built)}"
            self.problems.append(Problem(where, what))
            return None
        if wrong:
            what = f"'{component.use}' of plugin {entry.origin}: {'; '.join(wrong)}"
            self.problems.append(Problem(where, what))
            return None
        if lacking:
            what = f"'{component.use}' of plugin {entry.origin} does not define {', '.join(lacking)}"
            self.problems.append(Problem(where, what, f"a {kind} needs these attributes"))
            return None
        return built

    def _converted(self, built: nn.Module, where: str) -> nn.Module:
        """A head, a bridge and a strategy's own network see images of one source: only the shared backbone's differ."""
        norm = self.recipe.norm
        assert norm is not None
        if norm != "domain" or where != "backbone":
            return convert(built, "batch" if norm == "domain" else norm)
        return convert(built, norm, DomainRows({name: spec.source for name, spec in self.recipe.tasks.items()}))

    def _task(self, name: str, spec: TaskSpec) -> None:
        where = f"tasks.{name}"
        pyramid = self.backbone.pyramid
        if spec.bridge is not None:
            bridge = self._build("bridge", spec.bridge, f"{where}.bridge", pyramid)
            if bridge is None:
                return
            self.bridges[name] = bridge
            pyramid = bridge.pyramid
        head = self._build("head", spec.head, f"{where}.head", pyramid)
        if head is None:
            return
        self.heads[name] = head
        augment = {key: self._augmentation(where, key, spec) for key in spec.augment}
        metrics = {}
        for part, kind, metric in spec.components():
            if kind == "metric":
                metrics[metric.use] = self._build("metric", metric, f"{where}.{part}", head.output)
        terms = self._terms(where, spec, head)
        views = sorted({view for term in terms for view in term.strategy.views})
        again = another_head(self._build, name, spec, pyramid)
        network = another_network(self._build, self.recipe, name, spec, self.engine)
        self.tasks.append(
            Task(name, spec, head.output, augment, tuple(terms), metrics, tuple(views), pyramid, again, network)
        )

    def _augmentation(self, where: str, name: str, spec: TaskSpec) -> Any:
        steps = [self._build("augmentation", entry, f"{where}.{place}") for place, entry in spec.augmentations(name)]
        return None if None in steps else in_turn(steps)

    def _terms(self, where: str, spec: TaskSpec, head: Head) -> list[Term]:
        terms: list[Term] = []
        for number, (name, entry) in enumerate(zip(spec.strategy_names(), spec.strategies, strict=True)):
            part = f"{where}.strategies.{number}"
            strategy = self._build("strategy", entry, part, head.output)
            if strategy is None:
                continue
            if head.output.kind not in strategy.accepts:
                hint = f"it learns from {', '.join(sorted(strategy.accepts))}"
                self.problems.append(
                    Problem(part, f"'{entry.use}' cannot learn from a head of kind {head.output.kind}", hint)
                )
            else:
                self.problems += _lacking_augmentations(where, part, entry.use, strategy, spec)
            terms.append(Term(name, strategy, entry))
        return terms
