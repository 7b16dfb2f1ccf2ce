"""AdaMatch: a threshold relative to the labelled images, and predictions aligned to theirs."""

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from ssmtl import Batch, Logits, Output, TaskPredictor, View, mean_of_known
from ssmtl_classification.distribution_alignment import aligned
from ssmtl_classification.distributions import (
    Distributions,
    known_labels,
    log_probabilities,
    probabilities,
    shape_of,
    uniform,
)
from ssmtl_classification.weak_to_strong import WeakToStrong


class AdaMatch(WeakToStrong):
    """The labelled loss on a weak and a strong view, and strong unlabelled views against aligned predictions.

    Berthelot et al., "AdaMatch: A Unified Approach to Semi-Supervised Learning and Domain Adaptation", ICLR 2022. It
    replaces `cross_entropy` in a recipe. An unlabelled prediction, scaled by the mean of the labelled predictions over
    that of the unlabelled ones, is a soft target where it is at least τ times as confident as the labelled ones are on
    average. Its loss grows by μ(t) = 1/2 − cos(min(π, 2πt/T)) / 2. Here the means are moving averages, and they and the
    labelled confidence are those before the step; in the authors' code that of the unlabelled is of the last 128 steps,
    the target is the most probable class, and the labelled losses are halved. The paper's random interpolation of
    logits, between those with and without unlabelled images in the batch normalisation, is left out: one pass encodes
    all rows. Multi-label: each label is a variable of two outcomes.

    :param threshold: τ; 0.9 in the paper. :param decay: of the moving averages.
    """

    source: Tensor
    target_mean: Tensor
    reference: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.9,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.999,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__(output, weak, strong)
        self.threshold, self.decay = threshold, decay
        self.labeled = (View("labeled", weak), View("labeled", strong))
        self.views = frozenset({self.weak, self.strong, *self.labeled})
        self.register_buffer("source", uniform(output))
        self.register_buffer("target_mean", uniform(output))
        self.register_buffer("reference", torch.ones(shape_of(output)[0]))  # the labelled confidence

    def target(self, guess: Distributions) -> Distributions:
        return aligned(guess, self.source, self.target_mean)

    def weights(self, guess: Distributions) -> Bool[Tensor, "rows variables"]:
        return self.target(guess).amax(-1) >= self.threshold * self.reference

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = super().prepare(batch, predict).targets[self.strong]
        return batch.keep({self.strong, *self.labeled}, {self.strong: guess})

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        supervised = [self._supervised(batch.targets[view], outputs[view]) for view in self.labeled]
        warm = 0.5 - math.cos(min(math.pi, 2 * math.pi * progress)) / 2
        return supervised[0] + supervised[1] + warm * self.consistency(batch, outputs)

    def _supervised(self, target: Tensor, logits: Logits) -> Float[Tensor, ""]:
        labels, known = known_labels(self.output, target)
        return mean_of_known(-log_probabilities(self.output, logits).gather(-1, labels[..., None])[..., 0], known)

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        labeled = probabilities(self.output, outputs[self.labeled[0]])
        self.reference.copy_(labeled.amax(-1).mean(0))
        self.source.lerp_(labeled.mean(0), 1 - self.decay)
        self.target_mean.lerp_(batch.targets[self.strong].mean(0), 1 - self.decay)
