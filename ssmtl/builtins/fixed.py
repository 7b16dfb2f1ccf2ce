"""The papers' balancer: fixed weights, as given in the recipe."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl.contracts.balancer import Balancer


class Fixed(Balancer):
    """The sum of the tasks' losses (MultiMix, Haque et al. 2021, equation 5); weights are those of the strategies."""

    def __init__(self, _tasks: tuple[str, ...], /) -> None:
        super().__init__()

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        return torch.stack(list(losses.values())).sum()
