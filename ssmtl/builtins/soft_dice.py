"""The supervised loss of a segmentation task."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import NonNegativeFloat
from torch import Tensor

from ssmtl.contracts.head import Kind, Output
from ssmtl.contracts.known import mean_of_known
from ssmtl.contracts.shapes import Logits
from ssmtl.contracts.strategy import Strategy
from ssmtl.contracts.view import Batch, View


class SoftDice(Strategy):
    """One minus the Dice overlap of the probabilities with the reference mask, averaged over structures.

    The first term of equation (2) of MultiMix (Haque et al. 2021): 1 − (2 Σ p g + s) / (Σ p + Σ g + s), summed over the
    pixels whose reference is known. A structure of which nothing is known is left out of the mean of its image, and an
    image of which nothing is known has the loss 0.

    :param augment: which augmentation of the task the labelled images get.
    :param smooth: s, in pixels; it keeps an empty mask from dividing by zero.
    :param over: sum over the pixels of each `image`, then average; or over those of the whole `batch`, which is
        more stable where many masks are empty.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        augment: str = "weak",
        smooth: NonNegativeFloat = 1.0,
        over: Literal["image", "batch"] = "image",
    ) -> None:
        super().__init__()
        self.output = output
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})
        self.smooth = smooth
        self.axes = (2, 3) if over == "image" else (0, 2, 3)

    def by_rows(self, batch: Batch) -> bool:
        return self.axes == (2, 3)

    def loss(self, batch: Batch, outputs: Mapping[View, Logits], progress: float) -> Float[Tensor, ""]:
        masks = batch.targets[self.view]
        unknown = masks.isnan()
        probabilities = self.output.probabilities(outputs[self.view]).masked_fill(unknown, 0)
        masks = masks.masked_fill(unknown, 0)
        overlap = (probabilities * masks).sum(self.axes)
        size = probabilities.sum(self.axes) + masks.sum(self.axes)
        dice = (2 * overlap + self.smooth) / (size + self.smooth)
        known = ~unknown.all(3).all(2) if len(self.axes) == 2 else ~unknown.transpose(0, 1).flatten(1).all(1)[None]
        return 1 - mean_of_known(dice.reshape(known.shape), known, if_nothing=1.0)
