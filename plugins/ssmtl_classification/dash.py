"""Dash: pseudo-labels count while their loss is below a threshold that decreases."""

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import Field, PositiveFloat
from torch import Tensor

from ssmtl import Batch, Logits, Output, TaskFacts, TaskPredictor, View, mean_of_known
from ssmtl_classification.distributions import Distributions, hard, known_labels, log_probabilities, shape_of
from ssmtl_classification.weak_to_strong import WeakToStrong

REMEMBERED = 0.9
"""Decay of the mean labelled loss in the warm-up."""


class Dash(WeakToStrong):
    """FixMatch with the pseudo-labels whose loss on the weak view is at most ρ_t = C γ^−(t−1) ρ̂, but at least ρ_min.

    Xu et al., "Dash: Semi-Supervised Learning with Dynamic Thresholding", ICML 2021. ρ̂ is the labelled loss when the
    warm-up ends, in which unlabelled images do not count. The loss of a pseudo-label is −log of its probability. Soft
    targets, sharpened, become hard ones when ρ_min is reached. Here ρ̂ is a moving average over the warm-up's steps, not
    the loss of the whole labelled set. Multi-label: each label is a variable of two classes.

    :param growth: C; 1.0001 in the paper. :param shrink: γ; 1.27 in the paper. :param least: ρ_min; 0.05 in the paper.
    :param temperature: of the sharpening; 0.5 in the paper. :param warm_up: fraction of the training; ours.
    :param every: fraction of the training after which t grows by 1; the paper's 9 of 1024 epochs.
    """

    done: Tensor
    reference: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        growth: PositiveFloat = 1.0001,
        shrink: Annotated[float, Field(ge=1)] = 1.27,
        least: PositiveFloat = 0.05,
        temperature: Annotated[float, Field(ge=1e-3)] = 0.5,
        warm_up: Annotated[float, Field(ge=0, lt=1)] = 0.05,
        every: Annotated[float, Field(gt=0, le=1)] = 9 / 1024,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__(output, weak, strong)
        self.growth, self.shrink, self.least = growth, shrink, least
        self.temperature, self.warm_up, self.every = temperature, warm_up, every
        self.labeled = View("labeled", weak)
        self.views = frozenset({self.weak, self.strong, self.labeled})
        self.register_buffer("done", torch.zeros(()))  # the fraction of the steps
        self.register_buffer("reference", torch.tensor(float(shape_of(output)[1])).log())  # ρ̂, of uniform predictions

    def begin(self, facts: TaskFacts) -> None:
        self.steps = facts.steps

    def threshold(self) -> Float[Tensor, ""]:
        """ρ_t."""
        times = ((self.done - self.warm_up) / self.every).floor().clamp(min=0)
        return (self.growth * self.shrink**-times * self.reference).clamp(min=self.least)

    def weights(self, guess: Distributions) -> Bool[Tensor, "rows variables"]:
        return (-guess.amax(-1).log() <= self.threshold()) & (self.done >= self.warm_up)

    def target(self, guess: Distributions) -> Distributions:
        soft = (guess.log() / self.temperature).softmax(-1)
        return torch.where(self.threshold() > self.least, soft, hard(guess))

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = super().prepare(batch, predict).targets[self.strong]
        return batch.keep({self.strong, self.labeled}, {self.strong: guess})

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        nothing = 0 * outputs[self.labeled].mean()  # the labelled rows are there for after_step alone
        return self.consistency(batch, outputs) + nothing

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        labels, known = known_labels(self.output, batch.targets[self.labeled])
        losses = -log_probabilities(self.output, outputs[self.labeled]).gather(-1, labels[..., None])[..., 0]
        mean = mean_of_known(losses, known)
        new = torch.where(self.done > 0, torch.lerp(mean, self.reference, REMEMBERED), mean)
        self.reference.copy_(torch.where(self.done < self.warm_up, new, self.reference))
        self.done.add_(1 / self.steps)
