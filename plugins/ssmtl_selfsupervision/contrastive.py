"""Contrastive learning: two views of an image are nearer to each other than to views of other images."""

from typing import Annotated, ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Batch, DataError, Kind, Output, Outputs, Strategy, TaskFacts, View
from ssmtl_selfsupervision.projection import Projection

LEAST = 2
"""Images without which a view has no other image to be told from."""


class Contrastive(Strategy):
    """NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR, between two views of the unlabelled images.

    Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of Visual Representations", ICML
    2020, equation (1): −log exp(z_i · z_j / t) / Σ_k≠i exp(z_i · z_k / t), with z of length 1, for both views i, j of
    each of N images; k are all 2N views. An image that occurs several times in a step counts once among the others, and
    none of its copies is contrasted with it. With several processes, the others are of each one's own rows; all rows
    of the task pass together. An auxiliary task for the backbone, on any task's unlabelled images, or by itself with
    the head `no_output`; the projection is for training alone.

    :param temperature: t; 0.5 for CIFAR-10, 0.1 for ImageNet. :param width: of the projection; 128 in the paper.
    :param augment: of both views, each by random numbers of its own.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel", "masks", "numbers", "none"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        _output: Output,
        /,
        *,
        temperature: Annotated[float, Field(ge=1e-3)] = 0.5,
        width: Annotated[PositiveInt, Field(le=10_000)] = 128,
        augment: str = "strong",
    ) -> None:
        super().__init__()
        self.temperature, self.width = temperature, width
        self.pair = (View("unlabeled", augment), View("unlabeled", augment, 1))
        self.views = frozenset(self.pair)

    def check_facts(self, facts: TaskFacts) -> None:
        """:raises DataError: if a step, or the pool, has one image: its loss would be constant."""
        wrong = f"task '{facts.task}': 'contrastive' tells an image from others, and"
        if facts.rows.get("unlabeled", LEAST) < LEAST:
            key = f"tasks.{facts.task}.unlabeled_batch"
            raise DataError(f"{wrong} a step has 1 unlabelled row; set {key} to at least {LEAST} (for each device)")
        if facts.images["unlabeled"] < LEAST:
            found = facts.images["unlabeled"]
            raise DataError(f"{wrong} it has {found} unlabelled image to train on; expected at least {LEAST}")

    def begin(self, facts: TaskFacts) -> None:
        self.project = Projection(facts.pyramid.channels[-1], self.width)

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        one, other = (self.project(tuple(level.float() for level in outputs.features(view))) for view in self.pair)
        return nt_xent(one, other, batch.samples[self.pair[0]], self.temperature)


def nt_xent(
    one: Float[Tensor, "rows width"], other: Float[Tensor, "rows width"], samples: Int[Tensor, " rows"], t: float
) -> Float[Tensor, ""]:
    """:param one, other: embeddings of the views, of any length. :param samples: which image each row shows."""
    z = F.normalize(torch.cat([one, other]))
    itself = samples[:, None] == samples[None, :]
    copies = itself.sum(1).repeat(2).float()
    none = torch.zeros_like(itself)  # copies in the same view, the row itself among them, are left out
    apart = torch.cat([torch.cat([itself, none], 1), torch.cat([none, itself], 1)])
    logits = (z @ z.T / t - copies.log()).masked_fill(apart, -torch.inf)
    pairs = (z[: len(one)] * z[len(one) :]).sum(1).repeat(2) / t
    return (logits.logsumexp(1) - pairs).mean()
