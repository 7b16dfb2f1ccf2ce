"""FreeMatch: thresholds that follow how confident the network is, and predictions that are fair to all classes."""

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from ssmtl import Batch, Logits, Output, View
from ssmtl_classification.distributions import (
    Distributions,
    hard,
    log_probabilities,
    normalized,
    uniform,
)
from ssmtl_classification.weak_to_strong import WeakToStrong


class FreeMatch(WeakToStrong):
    """FixMatch with a self-adaptive threshold for each class, and a self-adaptive fairness loss.

    Wang et al., "FreeMatch: Self-adaptive Thresholding for Semi-supervised Learning", ICLR 2023: the threshold τ(c) =
    p̃(c) / max p̃ · τ, with the moving averages p̃ of the predictions and τ of their confidence; and the fairness loss
    −H(SumNorm(p̃ / h̃), SumNorm(p̄ / h̄)), with the histograms h̃ of pseudo-labels and h̄ of the confident strong
    predictions, whose mean is p̄. A class that none of these predicts is left out of p̄ / h̄. The averages that are
    used are those before the step; the paper updates them first. Multi-label: each label is a variable of two outcomes,
    with a τ of its own. With several processes, p̄ and h̄ are of each one's rows.

    :param decay: λ of the moving averages; 0.999 in the paper. :param fairness: w_f; 0.01 in the
        authors' configurations (TorchSSL), 0.001 in later ones (USB).
    """

    confidence: Tensor
    mean: Tensor
    histogram: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.999,
        fairness: NonNegativeFloat = 0.01,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__(output, weak, strong)
        self.decay, self.fairness = decay, fairness
        self.register_buffer("confidence", uniform(output)[:, 0].clone())  # τ
        self.register_buffer("mean", uniform(output))  # p̃
        self.register_buffer("histogram", uniform(output))  # h̃

    def thresholds(self) -> Float[Tensor, "variables outcomes"]:
        """Of each outcome."""
        return self.mean / self.mean.amax(-1, keepdim=True) * self.confidence[:, None]

    def weights(self, guess: Distributions) -> Bool[Tensor, "rows variables"]:
        confidence, pseudo = guess.max(-1, keepdim=True)
        return confidence[..., 0] >= self.thresholds().expand_as(guess).gather(-1, pseudo)[..., 0]

    def by_rows(self, batch: Batch) -> bool:
        return self.fairness == 0

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        loss = self.consistency(batch, outputs)
        if self.fairness:
            loss = loss + self.fairness * self._unfairness(batch.targets[self.strong], outputs[self.strong])
        return loss

    def _unfairness(self, guess: Distributions, strong: Logits) -> Float[Tensor, ""]:
        """−H(SumNorm(p̃ / h̃), SumNorm(p̄ / h̄))."""
        predicted = log_probabilities(self.output, strong).exp()
        counts = self.weights(guess)[..., None].float()
        often = (hard(predicted) * counts).sum(0)
        ratio = torch.where(often > 0, (predicted * counts).sum(0) / often.clamp(min=1), 0.0)
        unfair = (normalized(self.mean / self.histogram.clamp(min=1e-12)) * (normalized(ratio) + 1e-12).log()).sum(-1)
        return torch.where(counts.sum((0, 2)) > 0, unfair, 0.0).mean()

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        guess = batch.targets[self.strong]
        self.confidence.lerp_(guess.amax(-1).mean(0), 1 - self.decay)
        self.mean.lerp_(guess.mean(0), 1 - self.decay)
        self.histogram.lerp_(hard(guess).mean(0), 1 - self.decay)
