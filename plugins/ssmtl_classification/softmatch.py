"""SoftMatch: pseudo-labels count by how confident they are, in a truncated Gaussian."""

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, PositiveFloat
from torch import Tensor

from ssmtl import Batch, Logits, Output, View
from ssmtl_classification.distribution_alignment import aligned
from ssmtl_classification.distributions import Distributions, shape_of, uniform
from ssmtl_classification.weak_to_strong import WeakToStrong


class SoftMatch(WeakToStrong):
    """FixMatch with the weight exp(−(max p − μ)² / 2σ²) for what is less confident than the mean μ, and else 1.

    Chen et al., "SoftMatch: Addressing the Quantity-Quality Trade-off in Semi-supervised Learning", ICLR 2023: μ and σ²
    are moving averages of the mean and the variance of the confidence. With uniform alignment, the confidence is that
    of the predictions scaled so that their moving mean is uniform; pseudo-labels are those of the unscaled ones. The
    averages that are used are those before the step; the paper updates them first. Multi-label: each label is a
    variable of two outcomes, with a Gaussian of its own.

    :param decay: m of the moving averages; 0.999 in the paper. :param align: whether the alignment is uniform or left
        out. :param narrow: σ is divided by this; the equation has no such factor, the authors' code (TorchSSL, and
        `n_sigma` in USB) has 2.
    """

    mean: Tensor
    center: Tensor
    variance: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.999,
        align: bool = True,
        narrow: PositiveFloat = 2.0,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__(output, weak, strong)
        self.decay, self.align, self.narrow = decay, align, narrow
        self.register_buffer("mean", uniform(output))
        self.register_buffer("center", uniform(output)[:, 0].clone())  # μ
        self.register_buffer("variance", torch.ones(shape_of(output)[0]))  # σ²

    def confidence(self, guess: Distributions) -> Float[Tensor, "rows variables"]:
        """Of the aligned predictions."""
        even = torch.full_like(self.mean, 1 / self.mean.shape[1])
        return (aligned(guess, even, self.mean) if self.align else guess).amax(-1)

    def weights(self, guess: Distributions) -> Float[Tensor, "rows variables"]:
        below = (self.confidence(guess) - self.center).clamp(max=0)
        return torch.exp(-below.square() / (2 * self.variance / self.narrow**2).clamp(min=1e-12))

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        guess = batch.targets[self.strong]
        self.mean.lerp_(guess.mean(0), 1 - self.decay)
        confidence = self.confidence(guess)
        self.center.lerp_(confidence.mean(0), 1 - self.decay)
        self.variance.lerp_(confidence.var(0, correction=min(1, len(guess) - 1)), 1 - self.decay)
