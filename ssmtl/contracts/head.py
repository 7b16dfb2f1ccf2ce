"""The contract of a task head: a feature pyramid in, logits out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from ssmtl.contracts.shapes import Features, Logits

if TYPE_CHECKING:
    from ssmtl.contracts.task_facts import TaskFacts

Kind = Literal["multiclass", "multilabel", "masks", "numbers", "none"]


@dataclass(frozen=True)
class Output:
    """What a head's logits mean.

    :param kind: `multiclass` (softmax over classes, one label per image), `multilabel` (a sigmoid per class, any
        number of labels per image), `masks` (a sigmoid per structure and pixel), `numbers` (as they are, each in its
        own unit) or `none` (there are none: the task learns from images alone, and predicts nothing).
    :param classes: names of the classes, structures or numbers, in channel order.
    :param exclusive: of masks, whether at most one structure is at each pixel: a softmax over the structures and the
        background, whose logit is 0.
    """

    kind: Kind
    classes: tuple[str, ...]
    exclusive: bool = False

    @property
    def has_labels(self) -> bool:
        """Whether there is something to label, to predict and to score."""
        return self.kind != "none"

    @property
    def classifies(self) -> bool:
        """Whether it says which classes an image has."""
        return self.kind in ("multiclass", "multilabel")

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of the same shape as `logits`, or the numbers themselves; channels are axis 1."""
        if self.kind == "numbers":
            return logits
        if self.exclusive:
            return torch.cat([torch.zeros_like(logits[:, :1]), logits], 1).softmax(1)[:, 1:]
        return logits.softmax(1) if self.kind == "multiclass" else logits.sigmoid()


class Head(nn.Module, ABC):
    """Head(pyramid, /, *, options): one task's last layers.

    `output` says what the logits mean; a softmax head has at least two classes.

    :cvar read_strides: of the levels that it reads, if not of all.
    """

    output: Output
    read_strides: frozenset[int] | None = None

    def begin(self, facts: "TaskFacts") -> None:
        """Make what depends on the data, such as a bias from the classes' frequencies. Called once before training.

        When a run is evaluated again, the facts are made up, and its weights and buffers loaded next: so their shapes
        may not depend on numbers of images.
        """

    @abstractmethod
    def forward(self, features: Features) -> Logits:
        """Shape (rows, classes), or (rows, structures, height, width) for masks, at image size."""
