"""CoMatch: images whose pseudo-labels agree have embeddings that agree, and the other way round."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Outputs, Strategy, TaskFacts, View
from ssmtl_classification.distribution_alignment import aligned
from ssmtl_classification.embedding import Embedding

LABELED = View("labeled", "comatch embedding")
EMBEDDED, GUESS, ALIGNED = (View("unlabeled", f"comatch {name}") for name in ("embedding", "guess", "aligned"))
"""What the loss keeps for after_step."""


class CoMatch(Strategy):
    """Pseudo-labels smoothed by a memory of embeddings, and their graph, which the graph of embeddings should follow.

    Li, Xiong and Hoi, "CoMatch: Semi-supervised Learning with Contrastive Graph Regularization", ICCV 2021. With the
    aligned prediction p of the weak view and a memory of the latest embeddings z_k with their p_k (labelled images:
    their labels), the pseudo-label is q = α p + (1 − α) Σ a_k p_k with a = softmax(z · z_k / t): the target of a strong
    view, where confident. The graph of pseudo-labels has the edges q_b · q_j if that is at least T, else 0, and 1 from
    each image to itself; the graph of embeddings exp(z_b · z_j / t) between strong views, and to itself that between
    two strong views of the image (public code has that for all edges). Both are normalised for each row; their
    cross-entropy is the second term, here less the log of the number of rows, a constant. Alignment is towards the
    uniform distribution. With several processes, a graph is of each one's rows. Not for multi-label, where an image has
    no one class.

    The defaults are the authors' for CIFAR-10 (their `Train_CoMatch.py`); for ImageNet they have τ 0.6, t 0.1, T 0.3,
    weights of 10, 128 dimensions and 30000 rows.

    :param threshold: τ. :param smoothing: α. :param temperature: t. :param edge: T. :param graph: weight of the second
        term. :param memory: rows. :param decay: of the mean prediction; the authors have the mean of the last 32 steps,
        which are about as old on average. :param width: of the embedding.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass"})
    mean: Tensor
    embeddings: Tensor
    guesses: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.95,
        smoothing: Annotated[float, Field(ge=0, le=1)] = 0.9,
        temperature: Annotated[float, Field(ge=1e-3)] = 0.2,
        edge: Annotated[float, Field(ge=0, le=1)] = 0.8,
        graph: PositiveFloat = 1.0,
        memory: Annotated[PositiveInt, Field(le=1_000_000)] = 2560,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.97,
        width: Annotated[PositiveInt, Field(le=10_000)] = 64,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__()
        self.threshold, self.smoothing, self.temperature = threshold, smoothing, temperature
        self.edge, self.graph, self.decay, self.width = edge, graph, decay, width
        self.labeled, self.weak = View("labeled", weak), View("unlabeled", weak)
        self.strong = (View("unlabeled", strong), View("unlabeled", strong, 1))
        self.views = frozenset({self.labeled, self.weak, *self.strong})
        self.classes = len(output.classes)
        self.register_buffer("mean", torch.full((1, self.classes), 1 / self.classes))
        self.register_buffer("embeddings", torch.zeros(memory, width))
        self.register_buffer("guesses", torch.zeros(memory, self.classes))  # all 0: not filled yet

    def begin(self, facts: TaskFacts) -> None:
        self.embed = Embedding(facts.pyramid.channels[-1], self.width)

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        pseudo = self._pseudo_labels(outputs)
        losses = F.cross_entropy(outputs[self.strong[0]], pseudo, reduction="none")
        confident = pseudo.amax(1) >= self.threshold
        return (losses * confident).mean() + self.graph * self._contrast(pseudo, batch.samples[self.weak], outputs)

    @torch.no_grad()
    def _pseudo_labels(self, outputs: Outputs) -> Float[Tensor, "rows classes"]:
        guess = outputs[self.weak].softmax(1)
        even = torch.full_like(self.mean, 1 / self.classes)
        p, z = aligned(guess[:, None], even, self.mean)[:, 0], self.embed(outputs.features(self.weak))
        for view, rows in ((LABELED, self.embed(outputs.features(self.labeled))), (EMBEDDED, z)):
            outputs.keep(view, rows)
        outputs.keep(GUESS, guess)
        outputs.keep(ALIGNED, p)
        filled = self.guesses.sum(1) > 0
        near = (z @ self.embeddings.T / self.temperature).masked_fill(~filled, -1e4).softmax(1)
        return torch.where(filled.any(), self.smoothing * p + (1 - self.smoothing) * near @ self.guesses, p)

    def _contrast(self, pseudo: Tensor, samples: Tensor, outputs: Outputs) -> Float[Tensor, ""]:
        itself = samples[:, None] == samples[None, :]
        edges = pseudo @ pseudo.T
        edges = torch.where(itself, 1.0, edges * (edges >= self.edge))
        one, other = (self.embed(outputs.features(view)) for view in self.strong)
        near = torch.where(itself, one @ other.T, one @ one.T) / self.temperature
        return F.cross_entropy(near, edges / edges.sum(1, keepdim=True)) - math.log(len(pseudo))

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        known = F.one_hot(batch.targets[self.labeled], self.classes).float()
        for memory, new in (
            (self.embeddings, (outputs[EMBEDDED], outputs[LABELED])),
            (self.guesses, (outputs[ALIGNED], known)),
        ):
            memory.copy_(torch.cat([*new, memory])[: len(memory)])
        self.mean.lerp_(outputs[GUESS].mean(0, keepdim=True), 1 - self.decay)
