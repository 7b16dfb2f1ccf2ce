"""Bidirectional copy-paste: labelled and unlabelled images, each with a part of the other."""

from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from ssmtl import Batch, Images, Kind, Output, Outputs, RandomStream, Strategy, TaskPredictor, View
from ssmtl_segmentation.cutmix import rectangles
from ssmtl_segmentation.mask_losses import dice_and_cross_entropy
from ssmtl_segmentation.outcomes import hard_masks


class BidirectionalCopyPaste(Strategy):
    """Masks of labelled images with a part of an unlabelled one, and of unlabelled ones with a part of a labelled one.

    Bai et al., "Bidirectional Copy-Paste for Semi-Supervised Medical Image Segmentation", CVPR 2023: a rectangle of
    β = 2/3 of both sides is pasted; its mask comes from the label or from the averaged weights, and the loss (half
    Dice, half cross-entropy) counts α on the unlabelled part. The loss is the sum of both directions. Left out:
    keeping the largest component of the pseudo-label, and the training on pasted labelled images before. Here each
    image has a rectangle of its own, both directions mix the same two images, and Dice is of each image. At a pixel
    where one of several exclusive structures is unknown, nothing is learnt.

    :param unlabeled: α; 0.5 in the paper. :param share: β. :param decay: of the average; 0.99 in the paper. None: the
        recipe's `train.ema`. :param augment: of labelled and unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        unlabeled: NonNegativeFloat = 0.5,
        share: Annotated[float, Field(gt=0, lt=1)] = 2 / 3,
        decay: Annotated[float, Field(ge=0, lt=1)] | None = 0.99,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.weight, self.share, self.teacher_decay = output, unlabeled, share, decay
        self.labeled, self.unlabeled = View("labeled", augment), View("unlabeled", augment)
        self.views = frozenset({self.labeled, self.unlabeled})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = self.output.probabilities(predict(batch.images[self.unlabeled], weights="ema"))
        masks = {self.labeled: batch.targets[self.labeled], self.unlabeled: hard_masks(self.output, guess)}
        images, targets = {}, {}
        for view, other in ((self.labeled, self.unlabeled), (self.unlabeled, self.labeled)):
            own, pasted = batch.images[view], batch.images[other]
            partner = torch.arange(len(own), device=own.device) % len(pasted)
            inside = self._inside(batch.streams[view], own)
            images[view] = torch.where(inside, pasted[partner], own)
            targets[view] = torch.where(inside, masks[other][partner], masks[view])
        return Batch(images, targets, batch.streams, batch.samples)

    def _inside(self, stream: RandomStream, images: Images) -> Bool[Tensor, "rows 1 height width"]:
        top, left = stream.uniform("bcp", 2).unbind(1)
        height, width = images.shape[-2:]
        side = torch.full_like(top, self.share)
        return rectangles(top, left, side * height, side * width, height, width)

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        total = torch.zeros((), device=outputs[self.labeled].device)
        for view in (self.labeled, self.unlabeled):
            inside, given = self._inside(batch.streams[view], batch.images[view]), (outputs[view], batch.targets[view])
            known, guessed = (~inside, inside) if view == self.labeled else (inside, ~inside)
            total = total + dice_and_cross_entropy(self.output, *given, known)
            total = total + self.weight * dice_and_cross_entropy(self.output, *given, guessed)
        return total
