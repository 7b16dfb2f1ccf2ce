"""UniMatch V2: an averaged teacher, two strong views, and features of which each sees the other's dropped channels."""

from typing import Annotated, ClassVar

from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from ssmtl import Batch, Features, Images, Kind, Output, Outputs, RandomStream, Strategy, TaskPredictor, View
from ssmtl_segmentation.cutmix import boxes, mixed, of_some
from ssmtl_segmentation.mask_losses import cross_entropies
from ssmtl_segmentation.outcomes import confident, hard_masks


class UniMatchV2(Strategy):
    """Two strong views, with complementary channels of their features dropped, learn the averaged weights' masks.

    Yang et al., "UniMatch V2: Pushing the Limit of Semi-Supervised Semantic Segmentation", arXiv 2410.10777, 2024: the
    mean of both views' cross-entropy against the weak view's mask at the pixels where it is confident, over all pixels;
    a channel that one view keeps, doubled, the other loses. There, the total is half of it and half of the supervised
    loss. Here the average warms up as every teacher does, each level of the pyramid has channels of its own, and
    each view is made of the image: `weak` and `strong` must leave every pixel in its place, and others are refused.

    :param threshold: of the most probable outcome; 0.95 in the paper. :param decay: of the average; 0.996 in the
        paper. None: the recipe's `train.ema`. :param cutmix: probability that an image gets a rectangle of another one.
    :param drop: probability that an image's features lose channels; of half of the images in the authors' code.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0.5, le=1)] = 0.95,
        decay: Annotated[float, Field(ge=0, lt=1)] | None = 0.996,
        cutmix: Annotated[float, Field(ge=0, le=1)] = 0.5,
        drop: Annotated[float, Field(ge=0, le=1)] = 0.5,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__()
        self.output, self.threshold, self.teacher_decay = output, threshold, decay
        self.cutmix, self.drop = cutmix, drop
        self.weak, self.first = View("unlabeled", weak), View("unlabeled", strong)
        self.second = View("unlabeled", strong, 1)
        self.views = self.same_pixels = frozenset({self.weak, self.first, self.second})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        guess = self.output.probabilities(predict(batch.images[self.weak], weights="ema"))
        strong = batch.keep({self.first, self.second})
        inside = {view: self._inside(strong.streams[view], images) for view, images in strong.images.items()}
        images = {view: mixed(strong.images[view], inside[view]) for view in inside}
        targets = {view: mixed(guess, inside[view]) for view in inside}
        return Batch(images, targets, strong.streams, strong.samples)

    def _inside(self, stream: RandomStream, images: Images) -> Bool[Tensor, "rows 1 height width"]:
        return of_some(boxes(stream, images.shape[-2], images.shape[-1]), stream, "unimatch_v2 cutmix", self.cutmix)

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        first, second = outputs.features(self.first), outputs.features(self.second)
        keeps = [self._kept(batch.streams[self.first], place, level) for place, level in enumerate(first)]
        one = tuple(level * kept for level, kept in zip(first, keeps, strict=True))
        other = tuple(level * (2 - kept) for level, kept in zip(second, keeps, strict=True))
        return (self._loss(batch, outputs, self.first, one) + self._loss(batch, outputs, self.second, other)) / 2

    def _kept(self, stream: RandomStream, place: int, level: Tensor) -> Float[Tensor, "rows channels 1 1"]:
        """0 or 2 for each channel; 1 for all channels of an image that loses none."""
        kept = 2 * (stream.uniform(f"unimatch_v2 channels {place}", level.shape[1]) < 0.5)
        whole = stream.uniform("unimatch_v2 drop") >= self.drop
        return kept.masked_fill(whole, 1).to(level.dtype)[:, :, None, None]

    def _loss(self, batch: Batch, outputs: Outputs, view: View, features: Features) -> Float[Tensor, ""]:
        guess = batch.targets[view]
        losses, _ = cross_entropies(self.output, outputs.decode(features), hard_masks(self.output, guess))
        return (losses * confident(self.output, guess, self.threshold)).mean()
