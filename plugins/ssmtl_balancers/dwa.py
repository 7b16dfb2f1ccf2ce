"""Weights by how slowly each task's loss falls."""

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from torch import Tensor

from ssmtl import Balancer

EPSILON = 1e-12
"""Keeps the ratio finite if a task's loss was zero throughout an epoch."""


class DynamicWeightAverage(Balancer):
    """Σ λ L with λ = T · softmax(r / temperature) and r = L(t − 1) / L(t − 2), for T tasks.

    Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019, section on dynamic weight
    average. L(t) is the mean loss over epoch t; in the first two epochs every λ is 1. The weights sum to T, and do not
    change if a task's loss is multiplied by a constant.

    Difference: each task has an epoch of its own length here, so an epoch is a number of steps.

    :param temperature: 2 in the paper; a large one makes the weights equal. :param every: steps of an epoch.
    """

    previous: Tensor
    sums: Tensor
    steps: Tensor

    def __init__(
        self,
        tasks: tuple[str, ...],
        /,
        *,
        temperature: Annotated[float, Field(ge=1e-3, le=1e6)] = 2.0,
        every: PositiveInt = 100,
    ) -> None:
        super().__init__()
        self.tasks, self.temperature, self.every = tasks, temperature, every
        self.register_buffer("previous", torch.ones(2, len(tasks)))
        self.register_buffer("sums", torch.zeros(len(tasks)))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def weights(self) -> Float[Tensor, " tasks"]:
        older, newer = self.previous
        slowly = torch.softmax(newer / older.clamp_min(EPSILON) / self.temperature, 0) * len(self.tasks)
        return slowly.where(self.steps >= 2 * self.every, 1.0)

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        return (self.weights() * torch.stack([losses[task] for task in self.tasks])).sum()

    def after_step(self, losses: Mapping[str, Float[Tensor, ""]]) -> None:
        self.sums += torch.stack([losses[task] for task in self.tasks])
        self.steps += 1
        ended = self.steps % self.every == 0
        rolled = torch.stack([self.previous[1], self.sums / self.every])
        self.previous.copy_(rolled.where(ended, self.previous))
        self.sums.masked_fill_(ended, 0)
