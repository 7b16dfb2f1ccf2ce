"""Another head or network like a task's own, for a strategy that has several; initialised anew."""

from collections.abc import Callable
from typing import Any

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Head
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.model.single_task_network import SingleTaskNetwork
from ssmtl.recipe.models import Recipe, TaskSpec

Build = Callable[..., Any]
"""(kind, component, place, *arguments of the engine) → the component; initial weights depend on seed and place."""


def another_head(build: Build, task: str, spec: TaskSpec, pyramid: Pyramid) -> Callable[[int], Head]:
    """Of a number; a plain function, since it is shared when an experiment is copied."""

    def make(number: int) -> Head:
        head: Head = build("head", spec.head, f"tasks.{task}.head, another {number}", pyramid)
        return head

    return make


def another_network(
    build: Build, recipe: Recipe, task: str, spec: TaskSpec, engine: tuple[Any, ...]
) -> Callable[[int], SingleTaskNetwork]:
    """Of a number. :param engine: what a backbone is made from."""

    def make(number: int) -> SingleTaskNetwork:
        backbone = build("backbone", recipe.backbone, f"backbone, another {number} of {task}", *engine)
        head = build("head", spec.head, f"tasks.{task}.head, of another {number}", backbone.pyramid)
        used = spec.normalize or recipe.image
        return SingleTaskNetwork(MultiTaskModel(backbone, {task: head}, {}, {task: (used.mean, used.std)}), task)

    return make
