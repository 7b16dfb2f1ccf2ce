"""The names in a recipe: of components, of their options, and references from one part to another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ssmtl.errors import Problem, nearest
from ssmtl.recipe.components import Component
from ssmtl.recipe.models import Recipe, SourceEntry, TaskSpec
from ssmtl.recipe.other_tasks import filled, naming_tasks, others_of
from ssmtl.registry.options import check_options
from ssmtl.registry.plugins import Plugins
from ssmtl.wording import counted


def check_names(recipe: Recipe, plugins: Plugins) -> list[Problem]:
    """Every unknown name, with its place and the closest known one; and options that do not fit."""
    problems: list[Problem] = []
    for where, kind, component in recipe.components():
        registry = plugins[kind]
        if component.use in registry:
            make, others = registry[component.use].make, others_of(where, recipe.tasks)
            wrong = check_options(make, component.use, filled(make, component.use, component.options, others), where)
            tasks = {f"{where}.{option}" for option in naming_tasks(make, component.use)} if wrong else set()
            wrong = [_naming_tasks(one, others) if one.where in tasks else one for one in wrong]
            problems += _with_hints(wrong, where, kind, component)
        else:
            what, hint = f"no {kind} is called '{component.use}'", registry.missing(component.use)
            problems.append(Problem(f"{where}.use", what, hint))
    for name, source in recipe.sources.items():
        problems += _named(source.disjoint_from, recipe.sources, "source", f"sources.{name}.disjoint_from")
        if source.disjoint_from == name:
            problems.append(Problem(f"sources.{name}.disjoint_from", "a source cannot be disjoint from itself"))
        if source.share != SourceEntry.model_fields["share"].default and not _shares(name, recipe):
            what = "does nothing, since the source is disjoint from no other"
            problems.append(Problem(f"sources.{name}.share", what, "add disjoint_from: SOURCE, or remove the share"))
    for name, task in recipe.tasks.items():
        problems += _task(name, task, recipe)
    if recipe.train.select_by == "validation" and not any(task.metrics for task in recipe.tasks.values()):
        what, hint = "no task has metrics to select by", "name some, or set select_by: last"
        problems.append(Problem("train.select_by", what, hint))
    return problems


def _shares(source: str, recipe: Recipe) -> bool:
    """Whether the source's `share` divides it and another source, because of its entry or of a task."""
    if recipe.sources[source].disjoint_from is not None:
        return True
    others = (task.disjoint_from for task in recipe.tasks.values() if task.source == source)
    return any(other in recipe.tasks and recipe.tasks[other].source != source for other in others if other)


def _with_hints(problems: list[Problem], where: str, kind: str, component: Component) -> list[Problem]:
    """The same problems; a source's `labels: {OLD: NEW}`, as it was once written, with the key of today."""
    if kind != "source" or not isinstance(component.options.get("labels"), dict):
        return problems
    key = f"{where}.labels"
    rest = [problem for problem in problems if problem.where != key and not problem.where.startswith(f"{key}.")]
    hint = "to rename classes, call this key 'rename'"
    return rest if rest == problems else [*rest, Problem(key, "cannot be a mapping of names", hint)]


def _naming_tasks(problem: Problem, others: Sequence[str]) -> Problem:
    """The problem of an option that names another task, with the tasks that it may name."""
    if not others:
        return replace(problem, hint="it names another task, and the recipe has none")
    return replace(problem, hint=f"it names another task: {', '.join(others)}")


def _task(name: str, task: TaskSpec, recipe: Recipe) -> list[Problem]:
    where = f"tasks.{name}"
    problems = _named(task.source, recipe.sources, "source", f"{where}.source")
    problems += _named(task.disjoint_from, recipe.tasks, "task", f"{where}.disjoint_from")
    for number, source in enumerate(task.unlabeled_from):
        place = f"{where}.unlabeled_from.{number}"
        problems += _named(source, recipe.sources, "source", place)
        if source in task.unlabeled_from[:number]:
            problems.append(Problem(place, f"names '{source}' a second time", "name each source once"))
    if (rows := task.unlabeled_batch or task.batch) < len(task.unlabeled_from):
        what = f"names {len(task.unlabeled_from)} sources, and a step has {counted(rows, 'unlabelled image')}"
        problems.append(Problem(f"{where}.unlabeled_from", what, "set a larger unlabeled_batch"))
    if task.disjoint_from == name:
        problems.append(Problem(f"{where}.disjoint_from", "a task cannot be disjoint from itself"))
    used = [metric.use for _, kind, metric in task.components() if kind == "metric"]
    for number, metric in enumerate(used):
        if metric in used[:number]:
            what = f"'{metric}' is there twice, and both would return values of the same names"
            problems.append(Problem(f"{where}.metrics.{number}", what, "one of them would replace the other"))
    for domain, source in task.evaluate_on.items():
        problems += _named(source, recipe.sources, "source", f"{where}.evaluate_on.{domain}")
    return problems


def _named(name: str | None, known: Mapping[str, Any], what: str, where: str) -> list[Problem]:
    if name is None or name in known:
        return []
    return [Problem(where, f"no {what} is called '{name}'", nearest(name, known))]
