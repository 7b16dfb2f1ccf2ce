"""Recipe + registries → Experiment. Every mistake is collected; no data is touched."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ssmtl.backbone import Backbone
from ssmtl.balancer import Balancer
from ssmtl.bridge import Bridge
from ssmtl.data.draws import key
from ssmtl.dry_run import dry_run
from ssmtl.errors import Problem, RecipeError, SsmtlError, first_line, nearest
from ssmtl.head import Head
from ssmtl.model import MultiTaskModel
from ssmtl.options import build, check_options
from ssmtl.plugins import Plugins
from ssmtl.recipe import Component, Recipe, TaskSpec
from ssmtl.task import Task, Term


@dataclass(frozen=True)
class Experiment:
    """Everything a run needs besides data.

    :param rows: what one step encodes with gradient.
    """

    recipe: Recipe
    tasks: tuple[Task, ...]
    model: MultiTaskModel
    balancer: Balancer
    rows: int


def assemble(recipe: Recipe, plugins: Plugins, where: str = "recipe") -> Experiment:
    """Build the experiment; weights are initialised as a pure function of the seed and of each component's place.

    :raises RecipeError: with every mistake that can be found without data.
    """
    _stop_at(check_names(recipe, plugins), where)
    assembly = _Assembly(recipe, plugins)
    _stop_at(assembly.problems, where)
    model, tasks = assembly.model(), tuple(assembly.tasks)
    problems, rows = dry_run(tasks, model, recipe.image, recipe.train.ema is not None)
    _stop_at(problems, where)
    return Experiment(recipe, tasks, model, assembly.balancer, rows)


def _stop_at(problems: list[Problem], where: str) -> None:
    if problems:
        raise RecipeError([Problem(f"{where}: {problem.where}", problem.what, problem.hint) for problem in problems])


def check_names(recipe: Recipe, plugins: Plugins) -> list[Problem]:
    """What is wrong with components, options, and names that point from one part of the recipe to another."""
    problems: list[Problem] = []

    def component(kind: str, found: Component, where: str) -> None:
        registry = plugins[kind]
        if found.use not in registry:
            problems.append(Problem(f"{where}.use", f"no {kind} is called '{found.use}'", registry.missing(found.use)))
        else:
            problems.extend(check_options(registry[found.use].make, found.use, found.options, where))

    def named(name: str | None, known: Mapping[str, Any], what: str, where: str) -> None:
        if name is not None and name not in known:
            problems.append(Problem(where, f"no {what} is called '{name}'", nearest(name, known)))

    component("backbone", recipe.backbone, "backbone")
    component("balancer", recipe.balancer, "balancer")
    if recipe.train.select_by == "validation" and not any(task.metrics for task in recipe.tasks.values()):
        problems.append(
            Problem("train.select_by", "no task has metrics to select by", "name some, or set select_by: last")
        )
    for name, entry in recipe.sources.items():
        component("source", entry, f"sources.{name}")
        named(entry.disjoint_from, recipe.sources, "source", f"sources.{name}.disjoint_from")
    for name, task in recipe.tasks.items():
        where = f"tasks.{name}"
        named(task.source, recipe.sources, "source", f"{where}.source")
        named(task.disjoint_from, recipe.tasks, "task", f"{where}.disjoint_from")
        if task.disjoint_from == name:
            problems.append(Problem(f"{where}.disjoint_from", "a task cannot be disjoint from itself"))
        for domain, source in task.evaluate_on.items():
            named(source, recipe.sources, "source", f"{where}.evaluate_on.{domain}")
        component("head", task.head, f"{where}.head")
        if task.bridge is not None:
            component("bridge", task.bridge, f"{where}.bridge")
        for augment, found in task.augment.items():
            component("augmentation", found, f"{where}.augment.{augment}")
        for number, strategy in enumerate(task.strategies):
            component("strategy", strategy, f"{where}.strategies.{number}")
        for number, metric in enumerate(task.metrics):
            component("metric", _as_component(metric), f"{where}.metrics.{number}")
    return problems


def _as_component(found: str | Component) -> Component:
    return Component(use=found) if isinstance(found, str) else found


class _Assembly:
    """Builds the parts in order, and notes what a constructor or a contract refuses."""

    def __init__(self, recipe: Recipe, plugins: Plugins) -> None:
        self.recipe, self.plugins = recipe, plugins
        self.problems: list[Problem] = []
        self.heads: dict[str, Head] = {}
        self.bridges: dict[str, Bridge] = {}
        self.tasks: list[Task] = []
        backbone = self._build("backbone", recipe.backbone, "backbone", recipe.image.channels)
        balancer = self._build("balancer", recipe.balancer, "balancer", tuple(recipe.tasks))
        if isinstance(backbone, Backbone) and isinstance(balancer, Balancer):
            self.backbone, self.balancer = backbone, balancer
            for name, spec in recipe.tasks.items():
                self._task(name, spec)
            self._check_reads()

    def model(self) -> MultiTaskModel:
        recipe = self.recipe
        used = {name: spec.normalize or recipe.image for name, spec in recipe.tasks.items()}
        return MultiTaskModel(
            self.backbone,
            self.heads,
            self.bridges,
            {name: (found.mean, found.std) for name, found in used.items()},
            test_dropout=recipe.train.test_dropout,
            decode_all_rows=recipe.train.decode_all_rows,
        )

    def _build(self, kind: str, component: Component, where: str, *engine: Any) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(key(self.recipe.seed, "weights", where) % 2**63)
            try:
                return build(self.plugins[kind][component.use].make, component.use, component.options, *engine)
            except (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError, OSError, SsmtlError) as error:
                self.problems.append(Problem(where, first_line(error)))
                return None

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
        augment = {
            key: self._build("augmentation", found, f"{where}.augment.{key}") for key, found in spec.augment.items()
        }
        components = [_as_component(found) for found in spec.metrics]
        metrics = {found.use: self._build("metric", found, f"{where}.metrics", head.output) for found in components}
        terms = self._terms(where, spec, head)
        views = sorted({view for term in terms for view in term.strategy.views})
        self.tasks.append(Task(name, spec, head.output, augment, tuple(terms), metrics, tuple(views)))

    def _terms(self, where: str, spec: TaskSpec, head: Head) -> list[Term]:
        terms: list[Term] = []
        for number, entry in enumerate(spec.strategies):
            place = f"{where}.strategies.{number}"
            strategy = self._build("strategy", entry, place, head.output)
            if strategy is None:
                continue
            if head.output.kind not in strategy.accepts:
                hint = f"it learns from {', '.join(sorted(strategy.accepts))}"
                self.problems.append(
                    Problem(place, f"'{entry.use}' cannot learn from a head of kind {head.output.kind}", hint)
                )
            for view in sorted(strategy.views):
                if view.augment not in spec.augment:
                    hint = nearest(view.augment, spec.augment)
                    self.problems.append(
                        Problem(
                            f"{where}.augment",
                            f"'{entry.use}' asks for the view '{view}', and there is no '{view.augment}'",
                            hint,
                        )
                    )
            used = sum(term.name.split("#")[0] == entry.use for term in terms)
            terms.append(Term(entry.use if not used else f"{entry.use}#{used + 1}", strategy, entry))
        return terms

    def _check_reads(self) -> None:
        for name, bridge in self.bridges.items():
            where = f"tasks.{name}.bridge"
            for read in sorted(bridge.reads):
                if read not in self.recipe.tasks:
                    self.problems.append(
                        Problem(
                            where,
                            f"is guided by the task '{read}', which is not in the recipe",
                            nearest(read, self.recipe.tasks),
                        )
                    )
            path = self._cycle(name, (name,))
            if path and name == min(path, key=list(self.bridges).index):  # said once, at its first task
                self.problems.append(
                    Problem(
                        where,
                        f"the bridges form a cycle: {' → '.join(path)}",
                        "one of them must not be guided by the other",
                    )
                )

    def _cycle(self, name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        for read in sorted(self.bridges[name].reads) if name in self.bridges else ():
            if read == path[0]:
                return (*path, read)
            if read not in path:
                found = self._cycle(read, (*path, read))
                if found:
                    return found
        return ()
