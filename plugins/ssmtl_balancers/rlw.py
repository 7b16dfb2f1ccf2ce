"""Weights drawn anew in every step."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import Balancer, RandomStream, TaskFacts

LARGEST = 2**62


class RandomLossWeighting(Balancer):
    """Σ λ L with λ = softmax(z), and z from the standard normal distribution, drawn anew for each step.

    Lin, Ye, Zhang and Tsang, "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning",
    TMLR 2022, RLW. The weights sum to 1; they are a pure function of the recipe's seed and of how many steps have
    changed the weights, equal in all processes.
    """

    draw: Tensor

    def __init__(self, tasks: tuple[str, ...], /) -> None:
        super().__init__()
        self.tasks = tasks
        self.register_buffer("draw", torch.zeros(1, dtype=torch.int64))

    def begin(self, facts: Mapping[str, TaskFacts]) -> None:
        self.draw.random_(LARGEST)

    def weights(self) -> Float[Tensor, " tasks"]:
        return RandomStream(self.draw, self.draw.device).normal("weights", len(self.tasks))[0].softmax(0)

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        return (self.weights() * torch.stack([losses[task] for task in self.tasks])).sum()

    def after_step(self, losses: Mapping[str, Float[Tensor, ""]]) -> None:
        self.draw += 1
