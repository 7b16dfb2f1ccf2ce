"""Learned task weights."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssmtl.contracts.balancer import Balancer
from ssmtl.contracts.task_names import key_in


class Uncertainty(Balancer):
    """Homoscedastic uncertainty: Σ exp(−s) L + s / 2, with s learned per task.

    Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics",
    CVPR 2018.
    s is the log variance of the task's observation noise; it starts at 0, so the first step weighs the tasks as
    `fixed` does.
    """

    def __init__(self, tasks: tuple[str, ...], /) -> None:
        super().__init__()
        self.log_variances = nn.ParameterDict()
        for task in tasks:
            self.log_variances[key_in(self.log_variances, task)] = nn.Parameter(torch.zeros(()))

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        terms = []
        for task, loss in losses.items():
            log_variance = self.log_variances[key_in(self.log_variances, task)]
            terms.append((-log_variance).exp() * loss + log_variance / 2)
        return torch.stack(terms).sum()
