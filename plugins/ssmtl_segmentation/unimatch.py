"""UniMatch: one weak view supervises two strong views and perturbed features."""

from typing import Annotated, ClassVar

from jaxtyping import Bool, Float
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from ssmtl import Batch, Images, Kind, Output, Outputs, RandomStream, Strategy, TaskPredictor, View
from ssmtl_segmentation.cutmix import boxes, mixed, of_some
from ssmtl_segmentation.mask_losses import cross_entropies
from ssmtl_segmentation.outcomes import confident, hard_masks


class UniMatch(Strategy):
    """Consistency of masks from a weak view to two strong ones, mixed by CutMix, and to features with channels dropped.

    Yang et al., "Revisiting Weak-to-Strong Consistency in Semi-Supervised Semantic Segmentation", CVPR 2023, equations
    (4) to (7): λ/2 of the mean of both image losses plus μ/2 of the feature loss, each a cross-entropy against the weak
    view's mask at the pixels where it is confident, over all pixels. A structure is a sigmoid of its own, unless
    the structures are exclusive. There, strong views are made of the weak one; here each view is made of the image, so
    that `weak` and `strong` must leave every pixel in its place, and others are refused.

    :param threshold: a pixel counts if the most probable outcome has at least this probability; 0.95 in the paper.
    :param images, features: λ and μ; 0.5 each in the paper. :param drop: share of the feature channels left out.
    :param cutmix: probability that an image gets a rectangle of another one; 0.5 in the paper.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
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
        self.output, self.threshold, self.drop, self.cutmix = output, threshold, drop, cutmix
        self.weights = (images, features)
        self.weak = View("unlabeled", weak)
        self.strong = (View("unlabeled", strong), View("unlabeled", strong, 1))
        self.views = self.same_pixels = frozenset({self.weak, *self.strong})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = self.output.probabilities(predict(batch.images[self.weak]))
        images: dict[View, Images] = {self.weak: batch.images[self.weak]}
        targets = {self.weak: guess}
        for view in self.strong:
            inside = self._inside(batch.streams[view], batch.images[view])
            images[view], targets[view] = mixed(batch.images[view], inside), mixed(guess, inside)
        return Batch(images, targets, batch.streams, batch.samples)

    def _inside(self, stream: RandomStream, images: Images) -> Bool[Tensor, "rows 1 height width"]:
        return of_some(boxes(stream, images.shape[-2], images.shape[-1]), stream, "unimatch cutmix", self.cutmix)

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
        losses, _ = cross_entropies(self.output, logits, hard_masks(self.output, guess))
        return (losses * confident(self.output, guess, self.threshold)).mean()
