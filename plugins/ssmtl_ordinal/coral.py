"""The loss of classes in an order."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import Batch, Kind, Logits, Output, Strategy, View


class Coral(Strategy):
    """The binary cross-entropy of being above each class but the highest: summed over these, the mean over rows.

    Cao, Mirjalili and Raschka, "Rank consistent ordinal regression for neural networks with application to age
    estimation", Pattern Recognition Letters 2020, equation (4) with λ = 1: a class counts as the wronger, the further
    it is from the true one. The classes are in the head's order, from the lowest to the highest. It replaces
    `cross_entropy` in a recipe. With the head `ordinal_linear` this is CORAL; a head with a score for each class learns
    by it too.

    :param augment: which augmentation of the task the labelled images get.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass"})
    replaces: ClassVar[frozenset[str]] = frozenset({"cross_entropy"})

    def __init__(self, output: Output, /, *, augment: str = "weak") -> None:
        super().__init__()
        self.classes = len(output.classes)
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        log_p = outputs[self.view].log_softmax(1)
        below = log_p.logcumsumexp(1)[:, :-1]
        above = log_p.flip(1).logcumsumexp(1).flip(1)[:, 1:]
        is_above = batch.targets[self.view][:, None] > torch.arange(self.classes - 1, device=log_p.device)
        return -torch.where(is_above, above, below).sum(1).mean()
