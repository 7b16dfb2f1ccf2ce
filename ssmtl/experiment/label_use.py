"""Warnings of tasks whose strategies count the labels twice, or not at all."""

from collections.abc import Sequence
from itertools import combinations

from ssmtl.errors import warn
from ssmtl.experiment.task import Task
from ssmtl.recipe.models import Recipe


def warn_of_labels_twice(tasks: Sequence[Task]) -> None:
    """Where a task's strategy has the labelled loss of another one inside, which the task has too, or has it inside of
    a second one.
    """
    for task in tasks:
        place = f"tasks.{task.name}.strategies"
        for one, other in combinations(task.terms, 2):
            for inside, outside in ((one, other), (other, one)):
                if outside.entry.use in inside.strategy.replaces:
                    what = f"'{inside.name}' replaces '{outside.name}'"
                    warn(f"{place}: labels count twice: {what}; leave one of them out")
            if both := sorted(one.strategy.replaces & other.strategy.replaces):
                what = f"'{one.name}' and '{other.name}' both replace '{both[0]}'"
                warn(f"{place}: labels count twice: {what}; leave one of them out")


def warn_of_unused(recipe: Recipe, tasks: Sequence[Task]) -> None:
    """Where labels are scored that nothing learns from, or other sources are named whose images nothing learns from."""
    _warn_of_labels_unused(recipe, tasks)
    _warn_of_images_unused(tasks)


def _warn_of_images_unused(tasks: Sequence[Task]) -> None:
    """Where no strategy learns from unlabelled images of other sources, whose people are not scored all the same."""
    for task in tasks:
        if task.spec.other_sources and not task.uses("unlabeled"):
            what = "does nothing but keep these people from being scored, as no strategy uses unlabelled images"
            warn(f"tasks.{task.name}.unlabeled_from: {what}")


def _warn_of_labels_unused(recipe: Recipe, tasks: Sequence[Task]) -> None:
    """Where a task is scored and none of its strategies learns from labels; with `init`, its head may know them."""
    for task in tasks if recipe.init is None else ():
        if task.output.has_labels and task.metrics and not task.uses("labeled"):
            names = ", ".join(f"'{term.name}'" for term in task.terms)
            what = f"none learns from the task's labels ({names}), but it is scored"
            hint = "add one such as " + ("'soft_dice'" if task.output.kind == "masks" else "'cross_entropy'")
            hint = "add one that does" if task.output.kind == "numbers" else hint
            warn(f"tasks.{task.name}.strategies: {what}: its head learns no label; {hint}, or leave out its metrics")
