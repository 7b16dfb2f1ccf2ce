"""The contract of a strategy: the views it needs, and the loss it computes from the model's outputs for them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

from jaxtyping import Float
from torch import Tensor, nn

from ssmtl.contracts.head import Kind
from ssmtl.contracts.outputs import Outputs
from ssmtl.contracts.shapes import Images, Logits
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.contracts.view import Batch, View


class TaskPredictor(Protocol):
    """Predicts logits of the strategy's own task; no gradient reaches a parameter."""

    def __call__(
        self,
        images: Images,
        *,
        weights: Literal["student", "ema"] = "student",
        training: bool = False,
        differentiable: bool = False,
    ) -> Logits:
        """Logits of `images`, float32.

        :param weights: the trained ones, or their moving average: with the strategy's `teacher_decay`, else with
            `train.ema`; if there is neither, `ema` is an error.
        :param training: whether dropout is on.
        :param differentiable: whether the logits can be differentiated in the images, as for an adversarial
            perturbation, even inside `prepare`; dropout is then off.
        """


class Strategy(nn.Module, ABC):
    """Strategy(output, /, *, options): one term of one task's loss, supervised or not.

    `accepts` names the kinds of output it can learn from; `views` what it needs rendered each step.
    Besides the abstract `loss`, `check_facts`, `begin`, `prepare`, `by_rows`, `after_step` and `diagnose` may be
    overridden. Its parameters are trained with the network's; its parameters and buffers are kept in checkpoints.

    :cvar takes_exclusive: whether it can learn masks of exclusive structures, by `Output.probabilities`.
    :cvar replaces: the strategies whose loss on labelled images this one has inside: beside them, labels count twice.
    :cvar same_pixels: views of one image that it compares pixel by pixel, or whose masks it moves as another view is
        moved: augmentations that move their pixels are refused.
    :cvar teacher_decay: decay of a moving average of the network of the strategy's own; None: the recipe's.
    """

    accepts: ClassVar[frozenset[Kind]]
    takes_exclusive: ClassVar[bool] = False
    replaces: ClassVar[frozenset[str]] = frozenset()
    views: frozenset[View]
    same_pixels: frozenset[View] = frozenset()
    teacher_decay: float | None = None

    def check_facts(self, facts: TaskFacts) -> None:
        """Called before any image is decoded, by `ssmtl check` too.

        :raises DataError: if the strategy cannot learn from what is known of the task's images.
        """

    def begin(self, facts: TaskFacts) -> None:
        """Make what depends on the task: buffers for each image, heads or networks of its own. Called once."""

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        """Pseudo-label, mix or drop rows before the encoder sees them; runs without gradient, and changes no state.

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
    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        """A scalar, a mean over rows.

        :param batch: what `prepare` returned.
        :param outputs: logits for each view of `batch.images`, float32, row-aligned with it; features on request.
        :param progress: fraction of training completed, in [0, 1).
        """

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        """Change what the strategy remembers; called without gradient once after each step that changed the weights.

        :param batch: what `prepare` returned, of all processes: its targets and samples, but no images.
        :param outputs: logits of all rows, in the same order; and what `loss` kept by `Outputs.keep`, likewise.
        """

    def diagnose(
        self, batch: Batch, outputs: Mapping[View, Logits], truth: Mapping[View, Tensor]
    ) -> Mapping[str, Tensor]:
        """Numbers for the log, without gradient.

        :param truth: class indices of unlabelled rows, hidden from `loss`; -1: unknown.
        """
        return {}
