"""FlexMatch: FixMatch with a threshold of its own for each class, by how well the class has been learnt."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Strategy, TaskFacts, TaskPredictor, View, pseudo_label_quality


class FlexMatch(Strategy):
    """Cross-entropy of the strong view against the weak view's pseudo-label, where it is confident for its class.

    Zhang et al., "FlexMatch: Boosting Semi-Supervised Learning with Curriculum Pseudo Labeling", NeurIPS 2021,
    equations (5) to (10) with the warm-up of equation (11): the threshold of class c is τ β(c) / (2 − β(c)), where β(c)
    is how many unlabelled images are confidently of class c, relative to the largest class or to the images of none,
    whichever are more. Each unlabelled image keeps its latest confident pseudo-label, which checkpoints remember.

    :param threshold: τ; 0.95 in the paper. :param weak, strong: names of the task's augmentations.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass"})
    selected: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.95,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__()
        self.output, self.threshold = output, threshold
        self.weak, self.strong = View("unlabeled", weak), View("unlabeled", strong)
        self.views = frozenset({self.weak, self.strong})

    def begin(self, facts: TaskFacts) -> None:
        """-1: no confident pseudo-label yet."""
        self.register_buffer("selected", torch.full((facts.images["unlabeled"],), -1))

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        probabilities = predict(batch.images[self.weak], training=True).softmax(1)
        return batch.keep({self.strong}, {self.strong: probabilities})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        confidence, pseudo = batch.targets[self.strong].max(1)
        losses = F.cross_entropy(outputs[self.strong], pseudo, reduction="none")
        return (losses * (confidence >= self.thresholds()[pseudo])).mean()

    def thresholds(self) -> Float[Tensor, " classes"]:
        """Of each class, at most τ."""
        counts = (self.selected[:, None] == torch.arange(len(self.output.classes), device=self.selected.device)).sum(0)
        status = counts / torch.maximum(counts.max(), (self.selected < 0).sum()).clamp(min=1)
        return self.threshold * status / (2 - status)

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        confidence, pseudo = batch.targets[self.strong].max(1)
        samples = batch.samples[self.strong]
        self.selected[samples] = torch.where(confidence >= self.threshold, pseudo, self.selected[samples])

    def diagnose(
        self, batch: Batch, outputs: Mapping[View, Logits], truth: Mapping[View, Tensor]
    ) -> Mapping[str, Tensor]:
        confidence, pseudo = batch.targets[self.strong].max(1)
        confident = confidence >= self.thresholds()[pseudo]
        numbers = {"mask_rate": confident.float().mean()}
        if self.strong in truth:
            numbers |= pseudo_label_quality(pseudo, confident, truth[self.strong], self.output.classes)
        return numbers
