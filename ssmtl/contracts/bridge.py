"""The contract of a bridge between tasks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol

from torch import Tensor, nn

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Kind, Output
from ssmtl.contracts.shapes import Features, Images, Logits


class FrozenPredictor(Protocol):
    """Another task's frozen predictor: dropout off, float32, differentiable in images and features.

    No gradient reaches a parameter, whatever a bridge does with what it gets here.
    """

    @property
    def output(self) -> Output:
        """What its logits mean."""

    def __call__(self, images: Images) -> Logits:
        """Images in [0, 1] to logits."""

    def features(self, images: Images) -> Features:
        """Images in [0, 1] to the feature pyramid that the task's head reads."""

    def decode(self, features: Features) -> Logits:
        """Such features to logits, by the task's head alone."""


class Guide(FrozenPredictor, Protocol):
    """Another task as a bridge sees it."""

    def own_features(self) -> Features:
        """What the task's bridge makes of the features of this bridge's rows: `Bridge.own_features`, with gradient.

        :raises ValueError: if this bridge does not name the task in `learns_from`.
        """


class Bridge(nn.Module, ABC):
    """Bridge(pyramid, /, *, options): maps one task's features before its head reads them.

    `pyramid` describes what `forward` returns. `reads` names the tasks whose frozen predictor it consults; the graph of
    reads must be acyclic, and through it a bridge never changes a parameter gradient, statistic or training flag of
    another task. `guide_kinds` says which kinds of task it can consult. `learns_from` names the tasks whose own
    features it gets with gradient; two bridges may learn from each other, since `own_features` depends on no other
    task.
    """

    pyramid: Pyramid
    reads: frozenset[str] = frozenset()
    learns_from: frozenset[str] = frozenset()
    guide_kinds: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel", "masks"})

    def look(self, images: Images, guides: Mapping[str, FrozenPredictor]) -> Images:
        """What the backbone is shown in the place of the task's images: by default, these images.

        Of the same shape, in [0, 1], and differentiable in them. A bridge of a task of masks must leave this as it is,
        since its masks would be of what is shown. Each output row depends on its own image alone.

        :param images: of this task, in [0, 1]. :param guides: one for each task in `reads`.
        """
        return images

    def own_features(self, images: Images, features: Features) -> Features:
        """The task's features before anything is exchanged, also for the rows of tasks that learn from this one.

        :param features: the backbone's, of rows of any task.
        """
        return features

    @abstractmethod
    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        """Features of the shapes that `pyramid` promises.

        :param images: in [0, 1], before `look`. :param features: the backbone's, of what `look` returned.
        :param guides: one entry for each task in `reads` or `learns_from`.
        """

    def maps(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Mapping[str, Tensor]:
        """By name, the maps that `forward` adds to these features, from the same arguments; empty if it adds none.

        Each has shape (rows, channels, height, width) and is exactly what the head reads: the same values, in
        consecutive channels of one level, at that level's size. The report shows them, so that one can see what a
        bridge tells the head.
        """
        return {}
