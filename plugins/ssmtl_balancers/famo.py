"""Weights that let every loss fall equally fast."""

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ssmtl import Balancer
from ssmtl_balancers.adam import BufferedAdam, Rate

EPSILON = 1e-8


class Famo(Balancer):
    """c Σ z log L with z = softmax(w), and c = 1 / Σ (z / L) a constant; w changes by how far each loss fell.

    Liu, Feng, Stone and Liu, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023, Algorithm 1: the gradient of w
    is δ = J(z)ᵀ (log L(t) − log L(t + 1)), of the same rows before and after the step, so that all rows pass once more.
    A task whose loss fell less than the others' gains weight. The tasks' gradients count with z / L, divided by their
    sum. Losses must not be negative.

    Difference: w is changed by Adam, as in the authors' code, where the algorithm shows plain gradient descent.

    :param lr: β, of w. :param decay: γ, of w.
    """

    wants_mean_losses = True
    wants_new_losses = True

    def __init__(
        self, tasks: tuple[str, ...], /, *, lr: Rate = 0.025, decay: Annotated[float, Field(ge=0, le=1)] = 0.001
    ) -> None:
        super().__init__()
        self.tasks = tasks
        self.logits = BufferedAdam(torch.zeros(len(tasks)), lr, decay)
        self.before = torch.ones(len(tasks))  # of this step, from `forward` to `after_step`

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        values = torch.stack([losses[task] for task in self.tasks]) + EPSILON
        self.before = values.detach()
        shares = self.logits.weights.softmax(0)
        return (shares * values.log()).sum() / (shares / self.before).sum()

    def after_step(self, losses: Mapping[str, Float[Tensor, ""]]) -> None:
        fell = self.before.log() - (torch.stack([losses[task] for task in self.tasks]) + EPSILON).log()
        shares = self.logits.weights.softmax(0)
        self.logits.step(shares * (fell - (shares * fell).sum()))
