"""The contract of a balancer: many weighted losses in, one out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssmtl.contracts.task_facts import TaskFacts


class Balancer(nn.Module, ABC):
    """Balancer(tasks, /, *, options): combines the tasks' losses. `tasks` is a tuple of task names.

    :cvar wants_new_losses: whether `after_step` gets the losses after the step, for which all rows pass once more.
    :cvar wants_mean_losses: whether `forward` gets the losses' means over all processes, instead of this process's own.
        One that is not linear in the losses needs it: else its gradient would depend on the number of processes.
    """

    wants_new_losses: bool = False
    wants_mean_losses: bool = False

    def begin(self, facts: Mapping[str, TaskFacts]) -> None:
        """Make what depends on the tasks. Called once before training. :param facts: by task."""

    def after_step(self, losses: Mapping[str, Float[Tensor, ""]]) -> None:
        """Change what the balancer remembers; called without gradient once after each step that changed the weights.

        :param losses: of the step, by task, the mean over all processes, detached; with `wants_new_losses`, computed
            again on the same rows after the step.
        """

    @abstractmethod
    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """One scalar from one scalar per task, each already the weighted sum of that task's strategy losses."""


class GradientBalancer(Balancer):
    """Combines the gradients of the tasks' losses on the parameters that they share, instead of the losses.

    Each task's own parameters get the gradient of its loss as it is.
    """

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """The sum, for the log: the step does not differentiate it."""
        return torch.stack([*losses.values()]).sum()

    @abstractmethod
    def combine(
        self, gradients: Float[Tensor, "tasks parameters"], losses: Float[Tensor, " tasks"], step: int
    ) -> Float[Tensor, " parameters"]:
        """One gradient for the shared parameters.

        :param gradients: of each task's loss, in the recipe's order, the mean over the processes; zero where a loss
            does not reach a parameter. :param losses: of the tasks. :param step: from 0. PyTorch's generators are
            seeded by the recipe's seed and the step before, equally in every process.
        """
