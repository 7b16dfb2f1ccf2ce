"""The contract of a balancer: many weighted losses in, one out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn


class Balancer(nn.Module, ABC):
    """Balancer(tasks, /, *, options): combines the tasks' losses. `tasks` is a tuple of task names."""

    @abstractmethod
    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """One scalar from one scalar per task, each already the weighted sum of that task's strategy losses."""
