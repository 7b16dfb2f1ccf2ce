"""A head for classes in an order."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import Features, Head, Logits, Output, Pyramid


class OrdinalLinear(Head):
    """One score for each image, and K − 1 thresholds: the probability of more than class k is σ(score − threshold k).

    Cao, Mirjalili and Raschka, "Rank consistent ordinal regression for neural networks with application to age
    estimation", Pattern Recognition Letters 2020, section 3.3: one weight vector for all thresholds. There, thresholds
    are in order once training has converged; here each is the one before it plus a positive step, so that
    probabilities are consistent at all times. The logits are the logarithms of the classes' probabilities.

    :param classes: two or more, from the lowest to the highest.
    :param max_pool: whether to pool 2 × 2 before averaging, as `pooled_linear`; a level of one pixel is not pooled.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        classes: Annotated[tuple[str, ...], Field(min_length=2)],
        max_pool: bool = True,
    ) -> None:
        super().__init__()
        if len(set(classes)) < len(classes):
            raise ValueError(f"the classes {list(classes)} are not distinct")
        self.output = Output("multiclass", tuple(classes))
        self.max_pool = max_pool
        self.score = nn.Linear(pyramid.channels[-1], 1, bias=False)
        count = len(classes) - 1
        self.first = nn.Parameter(torch.tensor([-(count - 1) / 2]))
        self.steps = nn.Parameter(torch.full((count - 1,), 1.0).expm1().log())  # softplus of them is 1

    def thresholds(self) -> Float[Tensor, " thresholds"]:
        """In ascending order."""
        return torch.cat([self.first, self.first + F.softplus(self.steps).cumsum(0)])

    def forward(self, features: Features) -> Logits:
        deepest = features[-1]
        if self.max_pool and min(deepest.shape[-2:]) > 1:
            deepest = F.max_pool2d(deepest, 2)
        above = self.score(deepest.mean((2, 3))) - self.thresholds()
        # p(k) = σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a)), for the logits a > b of more than k − 1 and of more than k
        more, less = F.logsigmoid(above), F.logsigmoid(-above)
        both = F.softplus(self.steps).neg().expm1().neg().log()
        middle = more[:, :-1] + less[:, 1:] + both
        return torch.cat([less[:, :1], middle, more[:, -1:]], 1)
