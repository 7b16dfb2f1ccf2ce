"""MixMatch: supervised and unsupervised learning from mixed images, in place of a supervised loss."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Strategy, TaskPredictor, View, pseudo_label_quality
from ssmtl_mixmatch.mixup import mix, own_share, partners
from ssmtl_mixmatch.sharpen import sharpen
from ssmtl_mixmatch.soft_labels import over_known, soft_cross_entropy, soft_labels

GUESS = View("unlabeled", "mixmatch guess")
"""The key in the targets under which `prepare` keeps the unmixed guesses for `diagnose`; never rendered."""


class MixMatch(Strategy):
    """Guess labels from K views, sharpen them, mix labelled and unlabelled images, and train on the mixtures.

    Berthelot et al., "MixMatch: A Holistic Approach to Semi-Supervised Learning", NeurIPS 2019, algorithm 1 and
    equations (2) to (5): cross-entropy on the labelled rows plus `unlabeled_weight` times the mean squared difference
    of *probabilities*, which is bounded and so less sensitive to wrong guesses, on the unlabelled ones. It replaces
    `cross_entropy` in a recipe: with both, labels would count twice. All rows pass through the encoder together, so
    batches need no interleaving. Multi-label outputs use the two outcomes of each class; of a mixture
    nothing is known where nothing is known of one of its two images.

    :param views: number K of augmentations of each unlabelled image whose predictions are averaged to a guess.
    :param temperature: temperature of the sharpening; 1 leaves the guesses unchanged.
    :param alpha: parameter of Beta(α, α), from which the share that each row (not each batch) keeps of itself is drawn.
    :param unlabeled_weight: λ_U. The paper's 75 is for CIFAR-10, 150 for CIFAR-100; as a mean over the classes, the
        same difference weighs five times as much with two classes, which need about 1 to 10.
    :param ramp: fraction of the training over which that weight grows linearly from 0; 1/64 in the authors' code, which
        is 16384 steps there.
    :param augment: name of the augmentation of labelled and unlabelled images.
    :param teacher: the weights that guess: the trained ones, as published, or their moving average.
    :param frozen: whether dropout is off for the guesses; as published it is on.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})
    replaces: ClassVar[frozenset[str]] = frozenset({"cross_entropy"})

    def __init__(
        self,
        output: Output,
        /,
        *,
        views: PositiveInt = 2,
        temperature: Annotated[float, Field(ge=1e-3)] = 0.5,
        alpha: PositiveFloat = 0.75,
        unlabeled_weight: NonNegativeFloat = 10.0,
        ramp: Annotated[float, Field(gt=0, le=1)] = 0.4,
        augment: str = "weak",
        teacher: Literal["student", "ema"] = "student",
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.output = output
        self.labeled = View("labeled", augment)
        self.unlabeled = tuple(View("unlabeled", augment, repeat) for repeat in range(views))
        self.views = frozenset({self.labeled, *self.unlabeled})
        self.temperature, self.alpha = temperature, alpha
        self.unlabeled_weight, self.ramp = unlabeled_weight, ramp
        self.teacher: Literal["student", "ema"] = teacher
        self.frozen = frozen

    @torch.no_grad()
    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = self._guess(batch, predict)
        order = (self.labeled, *self.unlabeled)
        given = [soft_labels(self.output, batch.targets[self.labeled]), *[guess] * len(self.unlabeled)]
        streams = [batch.streams[view] for view in order]
        partner, share = partners(streams), own_share(streams, self.alpha)
        sizes = [len(batch.images[view]) for view in order]
        images = torch.split(mix(torch.cat([batch.images[view] for view in order]), partner, share), sizes)
        targets = torch.split(mix(torch.cat(given), partner, share), sizes)
        return Batch(
            dict(zip(order, images, strict=True)),
            dict(zip(order, targets, strict=True)) | {GUESS: guess},
            {view: batch.streams[view] for view in order},
        )

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        logits, targets = outputs[self.labeled], batch.targets[self.labeled]
        supervised = soft_cross_entropy(self.output, logits, targets)
        guesses = torch.cat([batch.targets[view] for view in self.unlabeled])
        predictions = self.output.probabilities(torch.cat([outputs[view] for view in self.unlabeled]))
        if self.output.kind == "multiclass":
            unsupervised = F.mse_loss(predictions, guesses)
        else:
            unsupervised = over_known(F.mse_loss, predictions, guesses)
        return supervised + self.unlabeled_weight * min(progress / self.ramp, 1.0) * unsupervised

    def diagnose(
        self,
        batch: Batch,
        outputs: Mapping[View, Logits],
        truth: Mapping[View, Tensor],
    ) -> Mapping[str, Tensor]:
        """`guess_confidence`, the mean probability of the most probable outcome, and how often it is right."""
        guess = batch.targets[GUESS]
        if self.output.kind == "multilabel":
            return {"guess_confidence": torch.maximum(guess, 1 - guess).mean()}
        numbers = {"guess_confidence": guess.amax(1).mean()}
        known = truth.get(self.unlabeled[0])
        if known is not None:
            everyone = torch.ones(len(guess), dtype=torch.bool, device=guess.device)
            numbers.update(pseudo_label_quality(guess.argmax(1), everyone, known, self.output.classes, "guess"))
        return numbers

    def _guess(self, batch: Batch, predict: TaskPredictor) -> Float[Tensor, "rows classes"]:
        """Equation (6), sharpened: the mean prediction over the K views of each unlabelled image."""
        images = torch.cat([batch.images[view] for view in self.unlabeled])
        probabilities = self.output.probabilities(predict(images, weights=self.teacher, training=not self.frozen))
        average = probabilities.reshape(len(self.unlabeled), -1, probabilities.shape[1]).mean(0)
        return sharpen(average, self.temperature, self.output.kind)
