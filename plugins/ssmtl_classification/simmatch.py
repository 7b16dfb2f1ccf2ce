"""SimMatch: which labelled images an image resembles agrees between its views, as its class does."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Outputs, Strategy, TaskFacts, View
from ssmtl_classification.distribution_alignment import aligned
from ssmtl_classification.distributions import normalized
from ssmtl_classification.embedding import Embedding

LABELED, GUESS = View("labeled", "simmatch embedding"), View("unlabeled", "simmatch guess")
"""What the loss keeps for after_step."""


class SimMatch(Strategy):
    """Classes and resemblances to the labelled images, as the weak view shows them, are the targets of the strong view.

    Zheng et al., "SimMatch: Semi-supervised Learning with Similarity Matching", CVPR 2022. With the aligned prediction
    p of the weak view and q = softmax(z · z_i / t) over the labelled images i, of class y_i: the target of the strong
    view's q is q_i p(y_i), normalised (unfolding), and that of its prediction α p + (1 − α) Σ q_i [y_i = c]
    (aggregating), where it is confident. The embeddings z_i are remembered from when the image last came; the paper's
    variant with an averaged teacher is left out. Alignment is towards the uniform distribution. Not for multi-label,
    where an image has no one class.

    :param threshold: τ; 0.95 for CIFAR, 0.7 for ImageNet in the paper. :param smoothing: α; 0.9 in the paper.
    :param temperature: t; 0.1 in the paper. :param instances: weight of the resemblances' loss. :param keeps: how much
        of a remembered embedding stays when the image comes again; 0.7 in the paper. :param decay: of the mean
        prediction; the public code has the mean of the last 256 steps for ImageNet (the authors'), and of 32 for CIFAR
        (USB). :param width: of the embedding.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass"})
    bank: Tensor
    labels: Tensor
    mean: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.95,
        smoothing: Annotated[float, Field(ge=0, le=1)] = 0.9,
        temperature: Annotated[float, Field(ge=1e-3)] = 0.1,
        instances: NonNegativeFloat = 1.0,
        keeps: Annotated[float, Field(ge=0, lt=1)] = 0.7,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.97,
        width: Annotated[PositiveInt, Field(le=10_000)] = 128,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__()
        self.threshold, self.smoothing, self.temperature = threshold, smoothing, temperature
        self.instances, self.keeps, self.decay, self.width = instances, keeps, decay, width
        self.labeled = View("labeled", weak)
        self.weak, self.strong = View("unlabeled", weak), View("unlabeled", strong)
        self.views = frozenset({self.labeled, self.weak, self.strong})
        self.classes = len(output.classes)
        self.register_buffer("mean", torch.full((1, self.classes), 1 / self.classes))

    def begin(self, facts: TaskFacts) -> None:
        """-1: the label of an image that has not come yet."""
        self.embed = Embedding(facts.pyramid.channels[-1], self.width)
        self.register_buffer("bank", torch.zeros(facts.images["labeled"], self.width))
        self.register_buffer("labels", torch.full((facts.images["labeled"],), -1))

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        with torch.no_grad():
            outputs.keep(LABELED, self.embed(outputs.features(self.labeled)))
            guess = outputs[self.weak].softmax(1)
            outputs.keep(GUESS, guess)
            even = torch.full_like(self.mean, 1 / self.classes)
            p = aligned(guess[:, None], even, self.mean)[:, 0]
            q = self._resemblance(outputs.features(self.weak)).exp()
            members = F.one_hot(self.labels.clamp(min=0), self.classes).float() * (self.labels >= 0)[:, None]
            begun = (self.labels >= 0).any()
            unfolded = normalized(q * (p @ members.T))
            aggregated = torch.where(begun, self.smoothing * p + (1 - self.smoothing) * q @ members, p)
        losses = F.cross_entropy(outputs[self.strong], aggregated, reduction="none")
        alike = -(unfolded * self._resemblance(outputs.features(self.strong))).sum(1) * begun
        return (losses * (aggregated.amax(1) >= self.threshold)).mean() + self.instances * alike.mean()

    def _resemblance(self, features: tuple[Tensor, ...]) -> Float[Tensor, "rows images"]:
        """log q; none with images that have not come yet."""
        similar: Tensor = self.embed(features) @ self.bank.T / self.temperature
        return similar.masked_fill(self.labels < 0, -1e4).log_softmax(1)

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        came = F.one_hot(batch.samples[self.labeled], len(self.bank)).float()  # an image may come twice in a step
        new = F.normalize(came.T @ outputs[LABELED])
        kept = torch.where((self.labels >= 0)[:, None], self.keeps * self.bank + (1 - self.keeps) * new, new)
        present = came.amax(0) > 0
        self.bank.copy_(torch.where(present[:, None], F.normalize(kept), self.bank))
        labels = (came * (batch.targets[self.labeled] + 1)[:, None]).amax(0).long() - 1
        self.labels.copy_(torch.where(present, labels, self.labels))
        self.mean.lerp_(outputs[GUESS].mean(0, keepdim=True), 1 - self.decay)
