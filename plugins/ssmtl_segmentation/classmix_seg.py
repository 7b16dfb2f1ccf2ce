"""ClassMix for segmentation: images are mixed along the outlines that the teacher sees in them."""

from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from ssmtl import Batch, Kind, Masks, Output, Outputs, RandomStream, Strategy, TaskPredictor, View
from ssmtl_segmentation.cutmix import mixed, of_some
from ssmtl_segmentation.cutmix_seg import share_of_confident
from ssmtl_segmentation.mask_losses import cross_entropies
from ssmtl_segmentation.outcomes import hard_masks


class ClassMixSegmentation(Strategy):
    """Cross-entropy of a mixed image against the average's most probable masks of both images, mixed alike.

    Olsson, Tranheden, Pinto and Svensson, "ClassMix: Segmentation-Based Data Augmentation for Semi-Supervised
    Learning", WACV 2021: of the classes that the teacher predicts in an image, the background included, a random half
    (rounded down, as in the authors' code) is pasted, with its pixels, onto another image; the loss is multiplied by
    the share of pixels of which the teacher is confident, here of each image, there of the batch. There, the mixed
    image is jittered and blurred besides. Structures that may overlap: a class is a structure that is predicted
    somewhere, or the background, where none is; a pixel is pasted if any of its classes is.

    :param threshold: least probability of a confident pixel. :param decay: of the average. None: `train.ema`.
    :param mix: probability that half of another image's classes are pasted onto an image; 1 in the paper.
    :param augment: of the unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0.5, le=1)] = 0.968,
        decay: Annotated[float, Field(ge=0, lt=1)] | None = 0.99,
        mix: Annotated[float, Field(ge=0, le=1)] = 1.0,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.threshold, self.teacher_decay, self.mix = output, threshold, decay, mix
        self.view = View("unlabeled", augment)
        self.views = frozenset({self.view})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        images, stream = batch.images[self.view], batch.streams[self.view]
        guess = self.output.probabilities(predict(images, weights="ema"))
        pasted = of_some(half_of_classes(hard_masks(self.output, guess), stream).roll(1, 0), stream, "mix", self.mix)
        return Batch(
            {self.view: mixed(images, pasted)}, {self.view: mixed(guess, pasted)}, batch.streams, batch.samples
        )

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        teacher = batch.targets[self.view]
        losses, _ = cross_entropies(self.output, outputs[self.view], hard_masks(self.output, teacher))
        return (losses.flatten(1).mean(1) * share_of_confident(self.output, teacher, self.threshold)).mean()


def half_of_classes(masks: Masks, stream: RandomStream) -> Bool[Tensor, "rows 1 height width"]:
    """True where a class is that is among a random half of those of the row's masks. :param masks: 0 or 1."""
    classes = torch.cat([1 - masks.amax(1, keepdim=True), masks], 1) > 0
    present = classes.flatten(2).any(2)
    order = stream.uniform("classmix", masks.shape[1] + 1).masked_fill(~present, 2.0)
    chosen = order.argsort(1).argsort(1) < (present.sum(1, keepdim=True) // 2)
    return (classes & chosen[:, :, None, None]).any(1, keepdim=True)
