"""A task of an assembled experiment: a frozen record, no behaviour."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ssmtl.contracts.augmentation import Augmentation
from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Head, Output
from ssmtl.contracts.metric import Metric
from ssmtl.contracts.strategy import Strategy
from ssmtl.contracts.view import View
from ssmtl.model.single_task_network import SingleTaskNetwork
from ssmtl.recipe.components import StrategyEntry
from ssmtl.recipe.models import TaskSpec


@dataclass(frozen=True)
class Term:
    """One strategy of a task. `name` is the strategy's, numbered if the task uses it more than once."""

    name: str
    strategy: Strategy
    entry: StrategyEntry


@dataclass(frozen=True)
class Task:
    """:param views: the union of what the strategies asked for, in order.

    :param pyramid: of the features that the head reads.
    :param make_head, make_network: another head, another network for this task alone, by a number.
    """

    name: str
    spec: TaskSpec
    output: Output
    augment: Mapping[str, Augmentation]
    terms: tuple[Term, ...]
    metrics: Mapping[str, Metric]
    views: tuple[View, ...]
    pyramid: Pyramid
    make_head: Callable[[int], Head]
    make_network: Callable[[int], SingleTaskNetwork]

    def uses(self, pool: str) -> bool:
        """Whether a strategy asks for a view of this pool."""
        return any(view.pool == pool for view in self.views)

    def rows(self, pool: str) -> int:
        """Rows taken from a pool in one step."""
        return self.spec.batch if pool == "labeled" else self.spec.unlabeled_batch or self.spec.batch
