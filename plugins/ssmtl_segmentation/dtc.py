"""DTC: a head of masks and a head of signed distances agree."""

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from ssmtl import Batch, Head, Kind, Output, Outputs, Strategy, TaskFacts, View, mean_of_known
from ssmtl_segmentation.batch_norm import has_batch_norm
from ssmtl_segmentation.rampup import rampup
from ssmtl_segmentation.signed_distance import signed_distances


class DualTaskConsistency(Strategy):
    """A second head learns each structure's signed distances, and its masks and those of the task's head agree.

    Luo et al., "Semi-supervised Medical Image Segmentation through Dual-task Consistency", AAAI 2021: with z = tanh of
    the second head, whose reference T(y) is negative inside and from −1 to 1, the mean of (z − T(y))² on labelled
    images, times β, and λ(t) times the mean of (σ(−k z) − p)² on labelled and unlabelled ones, where λ grows from
    exp(−5) to 1. A structure that is partly unknown is left out of the first term. Here the edge lies between pixels,
    so that no distance is 0; there, pixels of the edge have the distance 0. The second head is for training alone.

    :param distances: β; 0.3 in the paper. :param steepness: k; 1500 in the paper. :param consistency: the final λ.
    :param augment: of labelled and unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True
    second: Head

    def __init__(
        self,
        output: Output,
        /,
        *,
        distances: NonNegativeFloat = 0.3,
        steepness: PositiveFloat = 1500.0,
        consistency: NonNegativeFloat = 1.0,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.distances, self.steepness, self.consistency = output, distances, steepness, consistency
        self.labeled, self.unlabeled = View("labeled", augment), View("unlabeled", augment)
        self.views = frozenset({self.labeled, self.unlabeled})

    def begin(self, facts: TaskFacts) -> None:
        self.second = facts.make_head()

    def by_rows(self, batch: Batch) -> bool:
        return not has_batch_norm(self.second)

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        views = (self.labeled, self.unlabeled)
        levels = {view: tuple(level.float() for level in outputs.features(view)) for view in views}
        predicted = {view: self.second(levels[view]).tanh() for view in views}
        reference = signed_distances(batch.targets[self.labeled])
        errors = (predicted[self.labeled] - reference.nan_to_num()).square()
        learnt = mean_of_known(errors.flatten(1), ~reference.isnan().flatten(1))
        from_distances = {view: torch.sigmoid(-self.steepness * predicted[view]) for view in views}
        apart = [(from_distances[view] - self.output.probabilities(outputs[view])).square().mean() for view in views]
        return self.distances * learnt + self.consistency * rampup(progress) * torch.stack(apart).mean()
