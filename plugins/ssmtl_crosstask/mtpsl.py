"""Multi-task partially supervised learning: a task's labels teach another task about the same images."""

from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from ssmtl import AnotherTask, Batch, Kind, Output, Outputs, Strategy, TaskFacts, View


class PartiallySupervised(Strategy):
    """What this task knows of a labelled image, and what the partner predicts for it, agree in a space of both.

    Li, Liu and Bilen, "Learning Multiple Dense Prediction Tasks from Partially Annotated Data", CVPR 2022, equations
    (3) to (5): 1 − cos(m_t(y_t), m_s(f_s(x))), with two learned maps m, and a regulariser that keeps both near the
    image's features, so that the maps cannot make everything alike. There, all tasks are dense and one network maps
    every pair; here, classes and masks are both mapped to one vector for each image.

    :param partner: the other task, whose labels are not needed. :param regularize: weight of the regulariser.
    :param width: of the maps' hidden layer. :param augment: of the labelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks", "multiclass", "multilabel"})
    own: nn.Module
    other: nn.Module
    partner_output: Output

    def __init__(
        self,
        output: Output,
        /,
        *,
        partner: AnotherTask,
        regularize: NonNegativeFloat = 1.0,
        width: Annotated[PositiveInt, Field(le=10_000)] = 16,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.partner, self.regularize, self.width = output, partner, regularize, width
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})

    def begin(self, facts: TaskFacts) -> None:
        self.partner_output = facts.output_of(self.partner)
        features = facts.pyramid.channels[-1]
        self.own = _map(self.output, self.width, features)
        self.other = _map(self.partner_output, self.width, features)

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        known = self.own(self._as_channels(batch.targets[self.view]))
        guessed = self.other(self.partner_output.probabilities(outputs.of(self.partner, self.view)))
        image = outputs.features(self.view)[-1].float().mean((2, 3))
        apart = _distance(known, guessed)
        return (apart + self.regularize * (_distance(known, image) + _distance(guessed, image))).mean()

    def _as_channels(self, target: Tensor) -> Tensor:
        if self.output.kind == "multiclass":
            return torch.eye(len(self.output.classes), device=target.device)[target]
        return target.nan_to_num(0.5)


def _map(output: Output, width: int, features: int) -> nn.Module:
    """Probabilities of a task to one vector for each image."""
    channels = len(output.classes)
    if output.kind != "masks":
        return nn.Sequential(nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, features))
    halved = (nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(width, features, 3, 2, 1))
    return nn.Sequential(*halved, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _distance(one: Tensor, other: Tensor) -> Float[Tensor, " rows"]:
    return 1 - torch.cosine_similarity(one, other, dim=1)
