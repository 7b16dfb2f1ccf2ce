"""ReMixMatch: MixMatch with aligned guesses, which are the targets of strong views, and with rotations to be told."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Outputs, Strategy, TaskFacts, TaskPredictor, View
from ssmtl_mixmatch.alignment import aligned
from ssmtl_mixmatch.mixup import mix, own_share, partners
from ssmtl_mixmatch.rotation import pooled, turned
from ssmtl_mixmatch.sharpen import sharpen
from ssmtl_mixmatch.soft_labels import soft_cross_entropy, soft_labels

RAW, ANCHOR, ROTATED = (View("unlabeled", f"remixmatch {name}") for name in ("guess", "anchor", "rotation"))
"""What `prepare` makes beside the mixtures; never rendered: the guesses before alignment, and unmixed strong views."""


class ReMixMatch(Strategy):
    """One aligned, sharpened guess from the weak view is the target of K strong views; all are mixed with the labelled.

    Berthelot et al., "ReMixMatch: Semi-Supervised Learning with Distribution Matching and Augmentation Anchoring", ICLR
    2020, algorithm 1 and its loss: cross-entropy on mixed labelled rows (strong views), plus λ_U times that on mixed
    unlabelled rows (K strong views and the weak one), plus λ_U1 times that of one strong view that is not mixed, plus
    λ_r times that of telling by how many quarter turns it was rotated (half turns, if images are not square). It
    replaces `cross_entropy` in a recipe. p̃ is the mean guess of the last steps, without the present one, and p(y)
    before there are any (uniform in the authors' code). Multi-label: the two outcomes of each class; nothing is known
    of a mixture of which one part is unknown.

    :param anchors: K; 8 in the paper, for CIFAR: with 2, half as many rows. :param temperature: 0.5 in the paper.
    :param alpha: of Beta(α, α); 0.75 in the paper. :param mixed, anchor, rotation: λ_U, λ_U1 and λ_r; 1.5, 0.5 and 0.5.
    :param ramp: fraction of the training over which λ_U and λ_U1 grow linearly from 0; 1/64 in the authors' code, which
        is 16384 steps there. Of a short training that is a dozen, in which guesses lead before the labels do.
    :param remembers: steps over which p̃ is the mean; 128 in the paper, of a million. Where predictions move as fast as
        that, as in a training of 1000 steps, alignment comes too late, and they swing from class to class; with 8 less.
    :param weak, strong: names of the task's augmentations.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})
    replaces: ClassVar[frozenset[str]] = frozenset({"cross_entropy"})
    prior: Tensor
    recent: Tensor

    def __init__(
        self,
        output: Output,
        /,
        *,
        anchors: PositiveInt = 8,
        temperature: Annotated[float, Field(ge=1e-3)] = 0.5,
        alpha: Annotated[float, Field(gt=0)] = 0.75,
        mixed: NonNegativeFloat = 1.5,
        anchor: NonNegativeFloat = 0.5,
        rotation: NonNegativeFloat = 0.5,
        ramp: Annotated[float, Field(gt=0, le=1)] = 0.4,
        remembers: Annotated[PositiveInt, Field(le=1_000_000)] = 128,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__()
        self.output, self.temperature, self.alpha, self.remembers = output, temperature, alpha, remembers
        self.weights, self.ramp = {"mixed": mixed, "anchor": anchor, "rotation": rotation}, ramp
        self.labeled, self.weak = View("labeled", strong), View("unlabeled", weak)
        self.strong = tuple(View("unlabeled", strong, repeat) for repeat in range(anchors))
        self.views = frozenset({self.labeled, self.weak, *self.strong})

    def begin(self, facts: TaskFacts) -> None:
        assert facts.class_counts is not None
        assert facts.known_counts is not None
        self.register_buffer("prior", facts.class_counts / facts.known_counts.clamp(min=1))
        self.register_buffer("recent", self.prior.repeat(self.remembers, 1))
        if self.weights["rotation"]:
            self.which_turn = nn.Linear(facts.pyramid.channels[-1], 4)

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        raw = self.output.probabilities(predict(batch.images[self.weak], training=True))
        guess = aligned(raw, self.prior, self.recent.mean(0), self.output.kind)
        guess = sharpen(guess, self.temperature, self.output.kind)
        order = (self.labeled, self.weak, *self.strong)
        streams = [batch.streams[view] for view in order]
        partner, share = partners(streams), own_share(streams, self.alpha)
        sizes = [len(batch.images[view]) for view in order]
        rows = torch.cat([batch.images[view] for view in order])
        given = torch.cat([soft_labels(self.output, batch.targets[self.labeled]), *[guess] * (len(order) - 1)])
        images = dict(zip(order, torch.split(mix(rows, partner, share), sizes), strict=True))
        targets = dict(zip(order, torch.split(mix(given, partner, share), sizes), strict=True)) | {RAW: raw}
        if self.weights["anchor"]:
            images[ANCHOR], targets[ANCHOR] = batch.images[self.strong[0]], guess
        if self.weights["rotation"]:
            first = self.strong[0]
            images[ROTATED], targets[ROTATED] = turned(batch.images[first], batch.streams[first])
        return Batch(images, targets, {})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        def distance(view: View) -> Float[Tensor, ""]:
            return soft_cross_entropy(self.output, outputs[view], batch.targets[view])

        unlabeled = (self.weak, *self.strong)
        guessed = self.weights["mixed"] * sum(map(distance, unlabeled)) / len(unlabeled)
        if self.weights["anchor"]:
            guessed = guessed + self.weights["anchor"] * distance(ANCHOR)
        loss = distance(self.labeled) + min(progress / self.ramp, 1.0) * guessed
        if self.weights["rotation"]:
            told = self.which_turn(pooled(outputs.features(ROTATED)))
            loss = loss + self.weights["rotation"] * F.cross_entropy(told, batch.targets[ROTATED])
        return loss

    def after_step(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> None:
        self.recent.copy_(torch.cat([batch.targets[RAW].mean(0, keepdim=True), self.recent[:-1]]))
