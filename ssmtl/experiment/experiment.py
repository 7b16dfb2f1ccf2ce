"""What a recipe is assembled into, before data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ssmtl.contracts.balancer import Balancer
from ssmtl.experiment.task import Task
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.recipe.models import Recipe
from ssmtl.registry.registry import Origin


@dataclass(frozen=True)
class Experiment:
    """Everything a run needs besides data.

    :param rows: how many rows one step encodes with gradient.
    :param origins: who offers each component, by its place in the recipe, such as 'tasks.lungs.head'.
    """

    recipe: Recipe
    tasks: tuple[Task, ...]
    model: MultiTaskModel
    balancer: Balancer
    rows: int
    origins: Mapping[str, Origin] = field(default_factory=dict)
