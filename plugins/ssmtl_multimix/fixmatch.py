"""Confidence-based augmentation for the classification task."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Strategy, TaskPredictor, View, pseudo_label_quality


class FixMatch(Strategy):
    """Confident pseudo-labels from weak views are the targets for strong views of the same images.

    Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence", NeurIPS 2020, as the
    second term of equation (1) of MultiMix (Haque et al. 2021): the mean over
    *all* unlabelled rows, confident or not, of the cross-entropy between the prediction on the strong view and the
    arg max of the prediction on the weak one. For multi-label outputs each class is decided separately: a sigmoid
    at or above the threshold is a positive, at or below one minus the threshold a negative, and between them it is
    left out.

    :param threshold: smallest confidence of a pseudo-label, as a probability (0.7 in MultiMix, 0.95 in FixMatch).
    :param weak, strong: names of the augmentations.
    :param teacher: the weights that give the pseudo-labels: the trained ones, as published, or their moving average.
    :param frozen: whether dropout is off for the pseudo-labels; the paper leaves it on.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.7,
        weak: str = "weak",
        strong: str = "strong",
        teacher: Literal["student", "ema"] = "student",
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.output = output
        self.threshold = threshold
        self.weak, self.strong = View("unlabeled", weak), View("unlabeled", strong)
        self.views = frozenset({self.weak, self.strong})
        self.teacher: Literal["student", "ema"] = teacher
        self.frozen = frozen

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        logits = predict(batch.images[self.weak], weights=self.teacher, training=not self.frozen)
        return batch.keep({self.strong}, {self.strong: self.output.probabilities(logits)})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        pseudo, confident = self._pseudo_labels(batch.targets[self.strong])
        if self.output.kind == "multiclass":
            losses = F.cross_entropy(outputs[self.strong], pseudo, reduction="none")
        else:
            losses = F.binary_cross_entropy_with_logits(outputs[self.strong], pseudo, reduction="none")
        return (losses * confident).mean()

    def diagnose(
        self,
        batch: Batch,
        outputs: Mapping[View, Logits],
        truth: Mapping[View, Tensor],
    ) -> Mapping[str, Tensor]:
        pseudo, confident = self._pseudo_labels(batch.targets[self.strong])
        numbers = {"mask_rate": confident.float().mean()}
        known = truth.get(self.strong)
        if known is not None and self.output.kind == "multiclass":
            numbers.update(pseudo_label_quality(pseudo, confident, known, self.output.classes))
        return numbers

    def _pseudo_labels(self, probabilities: Tensor) -> tuple[Tensor, Bool[Tensor, "..."]]:
        if self.output.kind == "multiclass":
            confidence, pseudo = probabilities.max(1)
            return pseudo, confidence >= self.threshold
        return (probabilities >= 0.5).float(), (probabilities - 0.5).abs() >= self.threshold - 0.5
