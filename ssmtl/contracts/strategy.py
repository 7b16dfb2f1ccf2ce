"""The contract of a strategy: the views it needs, and the loss it computes from the model's outputs for them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

from jaxtyping import Float
from torch import Tensor, nn

from ssmtl.contracts.head import Kind
from ssmtl.contracts.shapes import Images, Logits
from ssmtl.contracts.view import Batch, View


class TaskPredictor(Protocol):
    """Predicts logits of the strategy's own task, without gradient."""

    def __call__(
        self, images: Images, *, weights: Literal["student", "ema"] = "student", training: bool = False
    ) -> Logits:
        """Logits of `images`; `training` leaves dropout on. Without an EMA in the recipe, `ema` is an error."""


class Strategy(nn.Module, ABC):
    """Strategy(output, /, *, options): one term of one task's loss, supervised or not.

    `accepts` names the kinds of output it can learn from; `views` what it needs rendered each step.
    Besides the abstract `loss`, `prepare`, `by_rows` and `diagnose` may be overridden.
    """

    accepts: ClassVar[frozenset[Kind]]
    views: frozenset[View]

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        """Pseudo-label, mix or drop rows before the encoder sees them; runs without gradient.

        The views of the returned batch are the rows that get a gradient. Images left unchanged share their rows
        with other strategies that request the same view.
        """
        return batch

    def by_rows(self, batch: Batch) -> bool:
        """Whether the loss of the whole batch is the mean of the losses of its equal, contiguous parts.

        If it is, the rows may pass through the network in parts, which saves memory and time. If it depends on several
        rows together, as a Dice over the whole batch does, they pass together.

        :param batch: what `prepare` returned.
        """
        return False

    @abstractmethod
    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        """A scalar, a mean over rows.

        :param batch: what `prepare` returned.
        :param outputs: logits for each view of `batch.images`, float32, row-aligned with it.
        :param progress: fraction of training completed, in [0, 1).
        """

    def diagnose(
        self, batch: Batch, outputs: Mapping[View, Logits], truth: Mapping[View, Tensor]
    ) -> Mapping[str, Tensor]:
        """Numbers for the log, without gradient.

        :param truth: class indices of unlabelled rows, hidden from `loss`; -1: unknown.
        """
        return {}
