"""UniMatch: one weak view supervises two strong views and perturbed features."""

from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import Field, NonNegativeFloat
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Batch, Images, Kind, Output, Outputs, RandomStream, Strategy, TaskPredictor, View
from ssmtl_segmentation.cutmix import boxes


class UniMatch(Strategy):
    """Consistency of masks from a weak view to two strong ones, mixed by CutMix, and to features with channels dropped.

    Yang et al., "Revisiting Weak-to-Strong Consistency in Semi-Supervised Semantic Segmentation", CVPR 2023, equations
    (4) to (7): λ/2 of the mean of both image losses plus μ/2 of the feature loss, each a binary cross-entropy against
    the weak view's mask at the pixels where it is confident, over all pixels. Here each structure is a sigmoid of its
    own. `strong` must leave every pixel in its place.

    :param threshold: a pixel counts if the more probable side has at least this probability; 0.95 in the paper.
    :param images, features: λ and μ; 0.5 each in the paper. :param drop: share of the feature channels left out.
    :param cutmix: probability that an image gets a rectangle of another one; 0.5 in the paper.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})

    def __init__(
        self,
        _output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0.5, le=1)] = 0.95,
        images: NonNegativeFloat = 0.5,
        features: NonNegativeFloat = 0.5,
        drop: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        cutmix: Annotated[float, Field(ge=0, le=1)] = 0.5,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__()
        self.threshold, self.weights, self.drop, self.cutmix = threshold, (images, features), drop, cutmix
        self.weak = View("unlabeled", weak)
        self.strong = (View("unlabeled", strong), View("unlabeled", strong, 1))
        self.views = frozenset({self.weak, *self.strong})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = predict(batch.images[self.weak]).sigmoid()
        images: dict[View, Images] = {self.weak: batch.images[self.weak]}
        targets = {self.weak: guess}
        for view in self.strong:
            inside = self._inside(batch.streams[view], batch.images[view])
            images[view] = torch.where(inside, batch.images[view].roll(1, 0), batch.images[view])
            targets[view] = torch.where(inside, guess.roll(1, 0), guess)
        return Batch(images, targets, batch.streams, batch.samples)

    def _inside(self, stream: RandomStream, images: Images) -> Bool[Tensor, "rows 1 height width"]:
        chosen = stream.uniform("unimatch cutmix")[:, 0] < self.cutmix
        return boxes(stream, images.shape[-2], images.shape[-1]) & chosen[:, None, None, None]

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        stream, levels = batch.streams[self.weak], outputs.features(self.weak)
        dropped = tuple(self._dropped(level, stream, place) for place, level in enumerate(levels))
        perturbed = self._loss(outputs.decode(dropped), batch.targets[self.weak])
        strong = [self._loss(outputs[view], batch.targets[view]) for view in self.strong]
        return self.weights[0] / 2 * sum(strong) / 2 + self.weights[1] / 2 * perturbed

    def _dropped(self, level: Tensor, stream: RandomStream, place: int) -> Tensor:
        """Some channels of each row are 0, the others are scaled up, as in dropout."""
        kept = stream.uniform(f"unimatch drop {place}", level.shape[1]) >= self.drop
        return level * (kept / (1 - self.drop)).to(level.dtype)[:, :, None, None]

    def _loss(self, logits: Tensor, guess: Tensor) -> Float[Tensor, ""]:
        losses = F.binary_cross_entropy_with_logits(logits, (guess >= 0.5).float(), reduction="none")
        return (losses * ((guess - 0.5).abs() >= self.threshold - 0.5)).mean()
