"""Masked image modelling: the hidden patches of an unlabelled image are predicted."""

from math import ceil
from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import (
    Batch,
    Images,
    Kind,
    Output,
    Outputs,
    RandomStream,
    Strategy,
    TaskFacts,
    TaskPredictor,
    View,
    mean_of_known,
)


class MaskedImage(Strategy):
    """The mean absolute error of the hidden pixels, predicted by one layer from the coarsest features.

    Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", CVPR 2022: random patches, 60 % of them, are
    hidden, and a linear layer predicts the pixels of all patches; the L1 error counts at the hidden ones. There, hidden
    patches are a learned token and images are normalised; here, they have the mean of their image, in [0, 1]. It is an
    auxiliary task for the backbone, on any task's unlabelled images, or by itself with the head `no_output`; the layer
    is for training alone.

    :param patches: along each side; 6 in the paper, 32 pixels each. :param hidden: share of the patches.
    :param augment: of the unlabelled images.
    :raises ValueError: in the first step, for more patches along a side than the images have pixels.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel", "masks", "numbers", "none"})
    takes_exclusive: ClassVar[bool] = True
    layer: nn.Module

    def __init__(
        self,
        _output: Output,
        /,
        *,
        patches: Annotated[int, Field(ge=2)] = 6,
        hidden: Annotated[float, Field(gt=0, lt=1)] = 0.6,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.patches, self.hidden = patches, hidden
        self.view = View("unlabeled", augment)
        self.views = frozenset({self.view})

    def begin(self, facts: TaskFacts) -> None:
        pyramid = facts.pyramid
        pixels = pyramid.image_channels * pyramid.strides[-1] ** 2
        self.layer = nn.Sequential(nn.Conv2d(pyramid.channels[-1], pixels, 1), nn.PixelShuffle(pyramid.strides[-1]))

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        images = batch.images[self.view]
        if self.patches > min(images.shape[-2:]):
            pixels = " × ".join(map(str, images.shape[-2:]))
            raise ValueError(f"patches: {self.patches} along each side are more than the image's {pixels} pixels")
        hidden = self._hidden(batch.streams[self.view], images)
        seen = torch.where(hidden, images.mean((1, 2, 3), keepdim=True), images)
        return Batch({self.view: seen}, {self.view: images}, batch.streams, batch.samples)

    def _hidden(self, stream: RandomStream, images: Images) -> Bool[Tensor, "rows 1 height width"]:
        """The same number of patches in every image."""
        ranks = stream.uniform("masked_image", self.patches**2).argsort(1).argsort(1)
        hidden = ranks < ceil(self.hidden * self.patches**2)
        grid = hidden.reshape(-1, 1, self.patches, self.patches).float()
        return F.interpolate(grid, size=images.shape[-2:]) > 0

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        images = batch.targets[self.view]
        predicted = self.layer(outputs.features(self.view)[-1].float())
        predicted = F.interpolate(predicted, size=images.shape[-2:], mode="bilinear")
        hidden = self._hidden(batch.streams[self.view], images).expand_as(images)
        return mean_of_known((predicted - images).abs().flatten(1), hidden.flatten(1))
