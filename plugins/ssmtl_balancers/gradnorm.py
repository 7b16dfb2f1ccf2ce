"""Weights that give every task's gradient its length."""

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ssmtl import GradientBalancer
from ssmtl_balancers.adam import BufferedAdam, Rate

SMALLEST = 1e-3
"""Of a weight, and of a first loss that others are divided by."""


class GradNorm(GradientBalancer):
    """Σ w g, where the lengths G = w ‖g‖ are drawn to mean(G) · r^α; r is a task's loss as a share of its first one,
    divided by the tasks' mean of that.

    Chen, Badrinarayanan, Lee and Rabinovich, "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep
    Multitask Networks", ICML 2018, Algorithm 1: w goes down the gradient of Σ |G − mean(G) · r^α|, in which the target
    is a constant, and is then scaled so that the weights sum to the number of tasks.

    Differences: the gradients are those on the whole backbone, where the paper takes its last shared layer; each task's
    own layers get the gradient of its own loss, without w; no weight falls below 0.001.

    :param alpha: how much slow tasks are preferred; 1.5 as on NYUv2, and 0 makes all lengths equal.
    :param lr: of w, which Adam changes.
    """

    first: Tensor

    def __init__(
        self, tasks: tuple[str, ...], /, *, alpha: Annotated[float, Field(ge=0, le=100)] = 1.5, lr: Rate = 0.025
    ) -> None:
        super().__init__()
        self.tasks, self.alpha = tasks, alpha
        self.learned = BufferedAdam(torch.ones(len(tasks)), lr)
        self.register_buffer("first", torch.ones(len(tasks)))
        self.lengths = torch.zeros(len(tasks))  # of this step, from `combine` to `after_step`

    def combine(
        self, gradients: Float[Tensor, "tasks parameters"], losses: Float[Tensor, " tasks"], step: int
    ) -> Float[Tensor, " parameters"]:
        self.lengths = gradients.norm(dim=1)
        return self.learned.weights @ gradients

    def after_step(self, losses: Mapping[str, Float[Tensor, ""]]) -> None:
        values = torch.stack([losses[task] for task in self.tasks])
        self.first.copy_(values.where(self.learned.steps == 0, self.first))
        share = values / self.first.clamp_min(SMALLEST)
        lengths = self.learned.weights * self.lengths
        target = lengths.mean() * (share / share.mean().clamp_min(SMALLEST)).clamp_min(0) ** self.alpha
        self.learned.step((lengths - target).sign() * self.lengths)
        weights = self.learned.weights.clamp_(min=SMALLEST)
        weights *= len(self.tasks) / weights.sum()
