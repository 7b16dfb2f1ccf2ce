"""The head for numbers, such as an age or a score."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Head, Output
from ssmtl.contracts.shapes import Features, Logits
from ssmtl.contracts.task_facts import TaskFacts


class PooledNumbers(Head):
    """As `pooled_linear`, to one number for each name, in its own unit.

    The last layer learns standardised numbers: its outputs are multiplied by the standard deviation of the labelled
    training images, and their mean is added.

    :param numbers: names of the numbers, as the source has them.
    :param max_pool: whether to pool before averaging; a level of one pixel is not pooled.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        numbers: Annotated[tuple[str, ...], Field(min_length=1)],
        max_pool: bool = True,
    ) -> None:
        super().__init__()
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"the numbers {list(numbers)} are not distinct")
        self.output = Output("numbers", tuple(numbers))
        self.max_pool = max_pool
        self.linear = nn.Linear(pyramid.channels[-1], len(numbers))
        self.register_buffer("mean", torch.zeros(len(numbers)))
        self.register_buffer("std", torch.ones(len(numbers)))

    def begin(self, facts: TaskFacts) -> None:
        if facts.numbers is not None:
            mean, std = facts.numbers
            self.mean.copy_(mean)
            self.std.copy_(std)

    def forward(self, features: Features) -> Logits:
        deepest = features[-1]
        if self.max_pool and min(deepest.shape[-2:]) > 1:
            deepest = F.max_pool2d(deepest, 2)
        standard: Tensor = self.linear(deepest.mean((2, 3))).float()
        return standard * self.std + self.mean
