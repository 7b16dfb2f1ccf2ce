"""The geometric mean of the losses."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import Balancer

EPSILON = 1e-8
"""Keeps the gradient finite at a loss of zero."""


class GeometricLoss(Balancer):
    """(Π L)^(1 / T), for T tasks.

    Chennupati, Sistu, Yogamani and Rawashdeh, "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy
    for Multi-Task Learning", CVPR Workshops 2019. Multiplying a task's loss by a constant changes no direction, only
    the length of the gradient. Losses must not be negative.
    """

    wants_mean_losses = True

    def __init__(self, _tasks: tuple[str, ...], /) -> None:
        super().__init__()

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        return (torch.stack([*losses.values()]) + EPSILON).log().mean().exp()
