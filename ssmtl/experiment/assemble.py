"""Recipe + registries → Experiment. Every mistake is collected; no data is touched."""

from typing import Any

import torch

from ssmtl.contracts.backbone import Backbone
from ssmtl.contracts.balancer import Balancer
from ssmtl.contracts.bridge import Bridge
from ssmtl.contracts.head import Head
from ssmtl.contracts.metric import selecting_metric
from ssmtl.contracts.random_stream import key
from ssmtl.errors import Problem, RecipeError, SsmtlError, first_line, nearest
from ssmtl.experiment.check_names import check_names
from ssmtl.experiment.dry_run import dry_run
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.task import Task, Term
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.recipe.components import Component
from ssmtl.recipe.models import Recipe, TaskSpec
from ssmtl.registry.options import build, options_model
from ssmtl.registry.plugins import Plugins

METRIC_FACTS = ("higher_is_better", "unit", "selects")
"""What a metric says about itself."""


def assemble(recipe: Recipe, plugins: Plugins, where: str = "recipe", *, pretrained: bool = True) -> Experiment:
    """Build the experiment; weights are initialised as a pure function of the seed and of each component's place.

    :param pretrained: False if a run's weights are loaded next: components with the option `pretrained` get False,
        and so need no network.
    :raises RecipeError: with every mistake that can be detected without data.
    """
    _stop_at(check_names(recipe, plugins), where)
    assembly = _Assembly(recipe, plugins, pretrained)
    _stop_at(assembly.problems, where)
    model, tasks = assembly.model(), tuple(assembly.tasks)
    problems, rows = dry_run(tasks, model, recipe.image, recipe.train.ema is not None)
    _stop_at(problems, where)
    return Experiment(recipe, tasks, model, assembly.balancer, rows)


def _stop_at(problems: list[Problem], where: str) -> None:
    if problems:
        raise RecipeError([Problem(f"{where}: {problem.where}", problem.what, problem.hint) for problem in problems])


class _Assembly:
    """Builds the parts in order, and collects what a constructor or a contract rejects."""

    def __init__(self, recipe: Recipe, plugins: Plugins, pretrained: bool) -> None:
        self.recipe, self.plugins, self.pretrained = recipe, plugins, pretrained
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
            self._check_selection()

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
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(key(self.recipe.seed, "weights", where) % 2**63)
            try:
                make, options = self.plugins[kind][component.use].make, component.options
                if not self.pretrained and "pretrained" in options_model(make, component.use).model_fields:
                    options = {**options, "pretrained": False}
                return build(make, component.use, options, *engine)
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
            key: self._build("augmentation", entry, f"{where}.augment.{key}") for key, entry in spec.augment.items()
        }
        metrics = {}
        for place, kind, metric in spec.components():
            if kind == "metric":
                metrics[metric.use] = self._metric(metric, f"{where}.{place}", head)
        terms = self._terms(where, spec, head)
        views = sorted({view for term in terms for view in term.strategy.views})
        self.tasks.append(Task(name, spec, head.output, augment, tuple(terms), metrics, tuple(views)))

    def _metric(self, component: Component, where: str, head: Head) -> Any:
        metric = self._build("metric", component, where, head.output)
        lacking = [name for name in METRIC_FACTS if not hasattr(metric, name)]
        if metric is not None and lacking:
            what = f"'{component.use}' does not define {', '.join(lacking)}"
            self.problems.append(Problem(where, what, "a metric needs these attributes"))
        return metric

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

    def _check_selection(self) -> None:
        metrics = [metric for task in self.tasks for metric in task.metrics.values()]
        usable = all(hasattr(metric, name) for metric in metrics for name in METRIC_FACTS)
        if self.recipe.train.select_by == "validation" and usable and selecting_metric(metrics) is None:
            what, hint = "no task has a metric that can select weights", "name one such as dice, or set select_by: last"
            self.problems.append(Problem("train.select_by", what, hint))

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
            if path and name == min(path, key=list(self.bridges).index):  # reported once, at its first task
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
                cycle = self._cycle(read, (*path, read))
                if cycle:
                    return cycle
        return ()
