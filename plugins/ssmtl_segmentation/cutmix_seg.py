"""CutMix for segmentation: a mean teacher whose masks are mixed as the network's images are."""

from typing import Annotated, ClassVar

from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from ssmtl import Batch, Images, Kind, Masks, Output, Outputs, RandomStream, Strategy, TaskPredictor, View
from ssmtl_segmentation.cutmix import halves, mixed, of_some
from ssmtl_segmentation.outcomes import log_outcomes, outcomes


class CutMixSegmentation(Strategy):
    """The squared difference between the masks of a mixed image and the average's masks of both images, mixed alike.

    French et al., "Semi-supervised semantic segmentation needs strong, varied perturbations", BMVC 2020: the mixing
    mask is a rectangle of half of the area, the squares are added up over outcomes, and the loss is multiplied by the
    share of pixels of which the teacher is confident; here that of each image, there that of the batch.

    :param threshold: least probability of a confident pixel; 0.97 in the paper. :param decay: of the average; 0.99 in
        the paper. None: the recipe's `train.ema`. :param augment: of the unlabelled images.
    :param cutmix: probability that an image gets a rectangle of another one; 1 in the paper.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        threshold: Annotated[float, Field(ge=0.5, le=1)] = 0.97,
        decay: Annotated[float, Field(ge=0, lt=1)] | None = 0.99,
        cutmix: Annotated[float, Field(ge=0, le=1)] = 1.0,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.threshold, self.teacher_decay, self.cutmix = output, threshold, decay, cutmix
        self.view = View("unlabeled", augment)
        self.views = frozenset({self.view})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        images = batch.images[self.view]
        guess = self.output.probabilities(predict(images, weights="ema"))
        inside = self._inside(batch.streams[self.view], images)
        return Batch(
            {self.view: mixed(images, inside)}, {self.view: mixed(guess, inside)}, batch.streams, batch.samples
        )

    def _inside(self, stream: RandomStream, images: Images) -> Bool[Tensor, "rows 1 height width"]:
        return of_some(halves(stream, images.shape[-2], images.shape[-1]), stream, "cutmix_seg", self.cutmix)

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        teacher = outcomes(self.output, batch.targets[self.view])
        student = log_outcomes(self.output, outputs[self.view]).exp()
        confident = share_of_confident(self.output, batch.targets[self.view], self.threshold)
        return ((student - teacher).square().sum(-1).flatten(1).mean(1) * confident).mean()


def share_of_confident(output: Output, probabilities: Masks, threshold: float) -> Float[Tensor, " rows"]:
    """Of an image's pixels, or of those of each structure, where the most probable outcome reaches the threshold."""
    return (outcomes(output, probabilities).amax(-1) >= threshold).flatten(1).float().mean(1)
