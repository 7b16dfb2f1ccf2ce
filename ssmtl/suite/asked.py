"""Whether a suite's systems have what its comparisons ask for; a row that is not there would shrink Holm's family."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import product

import torch
from torch import Tensor

from ssmtl.contracts.head import Output
from ssmtl.contracts.metric import Metric
from ssmtl.errors import Problem, RecipeError, nearest
from ssmtl.experiment.task import Task
from ssmtl.suite.cell import Point
from ssmtl.suite.suite_file import Compare, Suite

ROWS, SIZE = 12, (16, 24)
"""Of made-up predictions, to see what a metric calls its values."""


def check_asked(suite: Suite, found: Mapping[str, Mapping[str, Task]]) -> None:
    """:param found: by system, its tasks.

    :raises RecipeError: if one of two systems that are compared lacks the task, a domain or a metric.
    """
    for number, asked in enumerate(suite.compare):
        where = f"suite {suite.name}: compare.{number}"
        for task, others in asked.against.items():
            for system in (asked.system, *others):
                if task not in found[system]:
                    raise _lacks(f"{where}.against.{task}", system, "task", task, found[system])
                domains = found[system][task].spec.evaluate_on
                for domain in asked.domains.get(task, ()):
                    if domain not in domains:
                        raise _lacks(f"{where}.domains.{task}", system, "domain", domain, domains)
                known = names_of(found[system][task])
                for metric in asked.metrics[task]:
                    if known is not None and metric not in known:
                        raise _lacks(f"{where}.metrics.{task}", system, "metric", metric, known)


def check_shared(suite: Suite, points: Iterable[Point]) -> None:
    """Of a question whose two systems have no run in common, nothing could be said, hours later.

    :param points: every run of the suite.
    :raises RecipeError: naming each such question.
    """
    by_system: dict[str, list[Point]] = {}
    for point in points:
        by_system.setdefault(point.system, []).append(point)
    problems = []
    for number, asked in enumerate(suite.compare):
        for task, others in asked.against.items():
            ours = [one for one in by_system[asked.system] if _wanted(asked, task, one)]
            for other in others:
                theirs = [one for one in by_system[other] if _wanted(asked, task, one)]
                if lack := _not_shared(ours, theirs):
                    where = f"suite {suite.name}: compare.{number}.against.{task}"
                    problems.append(Problem(where, f"'{asked.system}' and '{other}' have no {lack} in common"))
    if problems:
        raise RecipeError(problems)


def _wanted(asked: Compare, task: str, point: Point) -> bool:
    """Whether it is a run of the task with labels that the entry asks for."""
    return task in point.recipe.tasks and all(
        str(point.budgets.get(name, wanted[0])) in map(str, wanted) for name, wanted in asked.budgets.items()
    )


def _not_shared(ours: Sequence[Point], theirs: Sequence[Point]) -> str:
    """What two systems' runs do not share; empty if there are two that can be compared."""
    first = "sources" if ours and theirs else "run with the task and these labels"
    alike: list[tuple[str, Callable[[Point, Point], bool]]] = [
        (first, lambda one, other: one.sources == other.sources),
        ("numbers of labels", lambda one, other: _agree(one.budgets, other.budgets)),
        ("seed", lambda one, other: one.seed == other.seed),
    ]
    for number, (lack, _) in enumerate(alike, start=1):
        if not any(all(test(*pair) for _, test in alike[:number]) for pair in product(ours, theirs)):
            return lack
    return ""


def _agree(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return all(one[task] == other[task] for task in one.keys() & other.keys())


def _lacks(where: str, system: str, what: str, name: str, known: Mapping[str, object] | set[str]) -> RecipeError:
    return RecipeError([Problem(where, f"the system '{system}' has no {what} '{name}'", nearest(name, known))])


def names_of(task: Task) -> set[str] | None:
    """What the task's metrics call their values, such as 'dice_heart'; None if one cannot be tried."""
    names: set[str] = set()
    for metric in task.metrics.values():
        own = _tried(metric, task.output)
        if own is None:
            return None
        names |= own
    return names


def _made_up(output: Output) -> tuple[Tensor, Tensor]:
    """Predictions and references, each class or structure both there and not."""
    count = len(output.classes)
    there = (torch.arange(ROWS)[:, None] + torch.arange(count)) % 2 == 0
    if output.kind == "masks":
        inside = there[:, :, None, None].expand(-1, -1, *SIZE) & (torch.arange(SIZE[1]) < SIZE[1] // 2)
        return torch.full(inside.shape, 1 / count), inside.float()
    if output.kind == "multiclass":
        return torch.full((ROWS, count), 1 / count), torch.arange(ROWS) % count
    return torch.full((ROWS, count), 0.5), there.float()


def _tried(metric: Metric, output: Output) -> set[str] | None:
    predictions = _made_up(output)
    with suppress(Exception), warnings.catch_warnings():  # a plugin's own; the run will tell
        warnings.simplefilter("ignore")  # a metric warns where a class does not occur
        return {*metric(*predictions)}
    return None
