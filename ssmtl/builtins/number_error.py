"""The supervised losses of numbers."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl.contracts.head import Kind, Output
from ssmtl.contracts.known import mean_of_known
from ssmtl.contracts.shapes import Logits
from ssmtl.contracts.strategy import Strategy
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.contracts.view import Batch, View


class NumberError(Strategy):
    """Errors in standard deviations of the labelled training images; the mean over rows of those that are known.

    :param augment: which augmentation of the task the labelled images get.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"numbers"})
    std: Tensor

    def __init__(self, output: Output, /, *, augment: str = "weak") -> None:
        super().__init__()
        self.register_buffer("std", torch.ones(len(output.classes)))
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})

    def begin(self, facts: TaskFacts) -> None:
        if facts.numbers is not None:
            self.std.copy_(facts.numbers[1])

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        target = batch.targets[self.view]
        known = ~target.isnan()
        error = (outputs[self.view] - target.nan_to_num()).masked_fill(~known, 0) / self.std
        return mean_of_known(self.penalty(error), known)

    @staticmethod
    @abstractmethod
    def penalty(error: Tensor) -> Tensor:
        """Of each error."""


class SquaredError(NumberError):
    """The mean squared error of numbers, each divided by its standard deviation over the labelled training images."""

    @staticmethod
    def penalty(error: Tensor) -> Tensor:
        return error.square()


class AbsoluteError(NumberError):
    """The mean absolute error of numbers, each divided by its standard deviation over the labelled training images."""

    @staticmethod
    def penalty(error: Tensor) -> Tensor:
        return error.abs()
