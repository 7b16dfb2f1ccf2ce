"""The contract of a bridge between tasks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Output
from ssmtl.contracts.shapes import Features, Images, Logits


class FrozenPredictor(Protocol):
    """Another task's frozen predictor: dropout off, float32, differentiable in the images."""

    @property
    def output(self) -> Output:
        """What its logits mean."""

    def __call__(self, images: Images) -> Logits:
        """Images in [0, 1] to logits."""


class Bridge(nn.Module, ABC):
    """Bridge(pyramid, /, *, options): maps one task's features before its head reads them.

    `pyramid` describes what `forward` returns. `reads` names the tasks whose predictor it consults; the graph of
    reads must be acyclic. A bridge never changes a parameter gradient, statistic or training flag of another task.
    """

    pyramid: Pyramid
    reads: frozenset[str] = frozenset()

    @abstractmethod
    def forward(self, images: Images, features: Features, guides: Mapping[str, FrozenPredictor]) -> Features:
        """Features of the shapes that `pyramid` promises.

        :param images: in [0, 1]. :param guides: one entry for each task in `reads`.
        """

    def maps(self, images: Images, features: Features, guides: Mapping[str, FrozenPredictor]) -> Mapping[str, Tensor]:
        """By name, the maps that `forward` adds to these features, from the same arguments; empty if it adds none.

        Each has shape (rows, channels, height, width) and is exactly what the head reads: the same values, in
        consecutive channels of one level, at that level's size. The report shows them, so that one can see what a
        bridge tells the head.
        """
        return {}
