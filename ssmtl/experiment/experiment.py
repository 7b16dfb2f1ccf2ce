"""What a recipe is assembled into, before data."""

from dataclasses import dataclass

from ssmtl.contracts.balancer import Balancer
from ssmtl.experiment.task import Task
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.recipe.models import Recipe


@dataclass(frozen=True)
class Experiment:
    """Everything a run needs besides data.

    :param rows: how many rows one step encodes with gradient.
    """

    recipe: Recipe
    tasks: tuple[Task, ...]
    model: MultiTaskModel
    balancer: Balancer
    rows: int
