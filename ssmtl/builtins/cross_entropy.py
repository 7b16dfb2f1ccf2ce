"""The supervised loss of labels, and of masks beside Dice."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn import functional as F

from ssmtl.builtins.class_weights import balanced, check_count
from ssmtl.builtins.exclusive import log_likelihood
from ssmtl.contracts.head import Kind, Output
from ssmtl.contracts.known import mean_of_known
from ssmtl.contracts.shapes import Logits
from ssmtl.contracts.strategy import Strategy
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.contracts.view import Batch, View

LEAST = 1e-7
"""Of 1 − p, so that its power has a finite gradient."""


class CrossEntropy(Strategy):
    """Cross-entropy on labelled rows: softmax for multi-class, a sigmoid per class for multi-label; the mean over rows.

    The first term of equation (1) of MultiMix (Haque et al. 2021). A multi-label row counts by the mean over those of
    its labels that are known. Of masks it is the mean over the pixels and structures that are known; of exclusive ones,
    that of a softmax over the structures and the background.

    :param augment: which augmentation of the task the labelled images get.
    :param label_smoothing: fraction of the target spread over all classes (multi-class), or moved to 1/2 (multi-label).
    :param class_weights: of labels, one for each class: multi-class, of the images of that class; multi-label, of the
        images that have the label, against 1 of those that do not. `balanced`: all classes count alike, and a label's
        presence as much as its absence, by the numbers of labelled images.
    :param focal: γ of the focal loss (Lin et al. 2017, equation 4; 2 there): a term whose target has the probability p
        is multiplied by (1 − p)^γ, so that those that are right already count less.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel", "masks"})
    takes_exclusive: ClassVar[bool] = True
    weights: Tensor | None

    def __init__(
        self,
        output: Output,
        /,
        *,
        augment: str = "weak",
        label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        class_weights: Literal["balanced"] | tuple[PositiveFloat, ...] | None = None,
        focal: NonNegativeFloat = 0.0,
    ) -> None:
        super().__init__()
        if class_weights is not None and output.kind == "masks":
            raise ValueError("class_weights are for labels, and this task has masks: soft_dice balances those")
        if label_smoothing and (focal or output.exclusive):
            raise ValueError(f"label_smoothing does not go with {'focal' if focal else 'exclusive structures'}")
        if isinstance(class_weights, tuple):
            check_count(class_weights, output)
        self.output = output
        self.label_smoothing, self.focal = label_smoothing, focal
        self.balanced = class_weights == "balanced"
        given = torch.tensor(class_weights) if isinstance(class_weights, tuple) else None
        self.register_buffer("weights", torch.ones(len(output.classes)) if self.balanced else given)
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})

    def check_facts(self, facts: TaskFacts) -> None:
        if self.balanced:
            balanced(facts)

    def begin(self, facts: TaskFacts) -> None:
        if self.balanced:
            self.weights = balanced(facts)

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        logits, target = outputs[self.view], batch.targets[self.view]
        if self.output.kind == "multiclass":
            return self._of_classes(logits, target)
        if self.output.exclusive:
            likely, known = log_likelihood(logits, target)
            losses = -likely * self._focus(-likely)
        else:
            losses, known = self._of_labels(logits, target), ~target.isnan()
            if losses.ndim == 0:
                return losses
        return mean_of_known(losses.flatten(1), known.flatten(1))

    def _of_classes(self, logits: Logits, labels: Tensor) -> Float[Tensor, ""]:
        if self.weights is None and not self.focal:
            return F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        losses = F.cross_entropy(logits, labels, self.weights, reduction="none", label_smoothing=self.label_smoothing)
        return (losses * self._focus(F.cross_entropy(logits, labels, reduction="none"))).mean()

    def _of_labels(self, logits: Logits, target: Tensor) -> Tensor:
        """Of each label, or pixel of each structure; their mean, if all are known and count alike."""
        smooth = target.nan_to_num() * (1 - self.label_smoothing) + self.label_smoothing / 2
        if self.weights is None and not self.focal and not target.isnan().any():
            # one operation, whose gradient is rounded otherwise than that of two
            return F.binary_cross_entropy_with_logits(logits, smooth)
        losses = F.binary_cross_entropy_with_logits(logits, smooth, pos_weight=self.weights, reduction="none")
        return losses * self._focus(F.binary_cross_entropy_with_logits(logits, smooth, reduction="none"))

    def _focus(self, surprise: Tensor) -> Tensor | float:
        """(1 − p)^γ. :param surprise: −log p of the target."""
        return (1 - torch.exp(-surprise)).clamp(min=LEAST) ** self.focal if self.focal else 1.0
