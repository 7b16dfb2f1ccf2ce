"""UA-MT: a mean teacher that is followed where it is certain."""

from math import log
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from ssmtl import Batch, Kind, Output, Outputs, Strategy, TaskPredictor, View, mean_of_known
from ssmtl_segmentation.gaussian_noise import noisy
from ssmtl_segmentation.outcomes import log_outcomes, outcomes
from ssmtl_segmentation.rampup import rampup


class UncertaintyAwareMeanTeacher(Strategy):
    """The squared difference from the moving average's masks at the pixels where that average is certain.

    Yu et al., "Uncertainty-Aware Self-ensembling Model for Semi-supervised 3D Left Atrium Segmentation", MICCAI 2019:
    with μ the mean of T teacher's predictions, each with dropout and noise of its own, the uncertainty of a pixel is
    u = −Σ_c μ_c log μ_c, and the loss λ(t) Σ 1(u < H) ‖f' − f‖² / Σ 1(u < H), where H grows from 3/4 of the largest
    uncertainty to all of it, and λ from exp(−5) of its value to all of it. Here f' is the mean μ, ‖·‖² the mean over
    outcomes, and the sums are over each image, whose mean is taken. Labelled images take part if the unlabelled pool
    includes them, as by default. Only the teacher's images are noisy.

    :param passes: T; 8 in the paper. :param decay: of the average; 0.99 in the paper. None: the recipe's `train.ema`.
    :param consistency: the final λ; 0.1 in the paper. :param noise: standard deviation, of images in [0, 1].
    :param augment: of the unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True

    def __init__(
        self,
        output: Output,
        /,
        *,
        passes: PositiveInt = 8,
        decay: Annotated[float, Field(ge=0, lt=1)] | None = 0.99,
        consistency: NonNegativeFloat = 0.1,
        noise: NonNegativeFloat = 0.1,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.passes, self.teacher_decay = output, passes, decay
        self.consistency, self.noise = consistency, noise
        self.view = View("unlabeled", augment)
        self.views = frozenset({self.view})

    def prepare(self, batch: Batch, predict: TaskPredictor) -> Batch:
        images, stream = batch.images[self.view], batch.streams[self.view]
        guesses = [
            predict(noisy(images, stream, f"ua_mt noise {number}", self.noise), weights="ema", training=True)
            for number in range(self.passes)
        ]
        mean = torch.stack([self.output.probabilities(guess) for guess in guesses]).mean(0)
        return batch.keep({self.view}, {self.view: mean})

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        mean = outcomes(self.output, batch.targets[self.view])
        uncertainty = -torch.special.xlogy(mean, mean).sum(-1)
        limit = (3 + rampup(progress)) / 4 * log(mean.shape[-1])
        squares = (log_outcomes(self.output, outputs[self.view]).exp() - mean).square().mean(-1)
        followed = mean_of_known(squares.flatten(1), (uncertainty < limit).flatten(1))
        return self.consistency * rampup(progress) * followed
