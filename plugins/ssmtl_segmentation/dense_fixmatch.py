"""FixMatch for masks, with strong views whose pixels move: the pseudo-masks move with them."""

from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ssmtl import Batch, Kind, Output, Outputs, Strategy, TaskPredictor, View
from ssmtl_segmentation.cutmix import boxes, mixed, of_some
from ssmtl_segmentation.mask_losses import cross_entropies
from ssmtl_segmentation.outcomes import confident, hard_masks


class DenseFixMatch(Strategy):
    """The averaged weights' masks of a weak view, moved as the strong view is, are the strong view's targets.

    Martí i Rabadán et al., "Dense FixMatch: a simple semi-supervised learning method for pixel-wise prediction tasks",
    NLDL 2023: FixMatch for masks, whose pseudo-labels are matched to the geometric operations of the strong view;
    cross-entropy against the most probable outcome at confident pixels, over all pixels. Here the teacher is a moving
    average, and a strong view may get a rectangle of another one (CutMix). The weak view must leave every pixel in its
    place, and others are refused.

    :param threshold: least probability of a confident pixel. :param decay: of the average. None: the recipe's
        `train.ema`. :param cutmix: probability that an image gets a rectangle of another one.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0.5, le=1)] = 0.95,
        decay: Annotated[float, Field(ge=0, lt=1)] | None = 0.99,
        cutmix: Annotated[float, Field(ge=0, le=1)] = 0.5,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__()
        self.output, self.threshold, self.teacher_decay, self.cutmix = output, threshold, decay, cutmix
        self.weak, self.strong = View("unlabeled", weak), View("unlabeled", strong)
        self.views, self.same_pixels = frozenset({self.weak, self.strong}), frozenset({self.weak})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = self.output.probabilities(predict(batch.images[self.weak], weights="ema"))
        images, moved = batch.images[self.strong], batch.moved(self.strong, guess)
        stream = batch.streams[self.strong]
        inside = of_some(boxes(stream, *images.shape[-2:]), stream, "dense_fixmatch cutmix", self.cutmix)
        return Batch(
            {self.strong: mixed(images, inside)}, {self.strong: mixed(moved, inside)}, batch.streams, batch.samples
        )

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        guess = batch.targets[self.strong]
        losses, _ = cross_entropies(self.output, outputs[self.strong], hard_masks(self.output, guess))
        return (losses * confident(self.output, guess, self.threshold)).mean()
