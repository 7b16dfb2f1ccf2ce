"""Joint-task regularisation: all tasks' predictions together resemble those with the known labels put in."""

from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import AnotherTask, Batch, Kind, Output, Outputs, Strategy, TaskFacts, View


class JointTaskRegularization(Strategy):
    """What all tasks predict for a labelled image, and the same with this task's label put in, have like encodings.

    Nishi, Kim, Li and Pfister, "Joint-Task Regularization for Partially Labeled Multi-Task Learning", CVPR 2024: the
    tasks' predictions are stacked as channels, an autoencoder learns to reconstruct the stacks, and the distance of the
    encodings regularises the tasks, at a cost that grows linearly with their number. There, all tasks are dense; here,
    probabilities of classes are constant maps. The distance here is 1 − cosine, the reconstruction's error a mean
    square that teaches the autoencoder alone. Where nothing is known of a label, the prediction stays.

    :param partners: the other tasks, whose labels are not needed. :param reconstruction: weight of that error.
    :param width: of the autoencoder's layers. :param augment: of the labelled images.
    :raises ValueError: for partners that are there twice, or that predict numbers.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks", "multiclass", "multilabel"})
    takes_exclusive: ClassVar[bool] = True
    encoder: nn.Module
    decoder: nn.Module

    def __init__(
        self,
        output: Output,
        /,
        *,
        partners: Annotated[tuple[AnotherTask, ...], Field(min_length=1)],
        reconstruction: NonNegativeFloat = 1.0,
        width: Annotated[PositiveInt, Field(le=10_000)] = 16,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        if len(set(partners)) < len(partners):
            raise ValueError(f"the partners {list(partners)} are not distinct")
        self.output, self.partners, self.reconstruction, self.width = output, partners, reconstruction, width
        self.view = View("labeled", augment)
        self.views = frozenset({self.view})
        self.others: dict[str, Output] = {}

    def begin(self, facts: TaskFacts) -> None:
        self.others = {partner: facts.output_of(partner) for partner in self.partners}
        if wrong := [name for name, output in self.others.items() if output.kind == "numbers"]:
            raise ValueError(f"partners are of classes or masks, and '{wrong[0]}' predicts numbers")
        channels, width = sum(len(output.classes) for output in (self.output, *self.others.values())), self.width
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.GELU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width, channels, 3, padding=1),
        )

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        own, target = self.output.probabilities(outputs[self.view]), batch.targets[self.view]
        if self.output.kind == "multiclass":
            target = F.one_hot(target, len(self.output.classes))
        label = torch.where(target.isnan(), own, target)
        others = [output.probabilities(outputs.of(task, self.view)) for task, output in self.others.items()]
        predicted, known = _stacked([own, *others]), _stacked([label, *others])
        apart = 1 - torch.cosine_similarity(self.encoder(predicted).flatten(1), self.encoder(known).flatten(1))
        errors = [(self._restored(stack.detach()) - stack.detach()).square().mean() for stack in (predicted, known)]
        return apart.mean() + self.reconstruction * torch.stack(errors).sum()

    def _restored(self, stack: Tensor) -> Tensor:
        return F.interpolate(self.decoder(self.encoder(stack)), size=stack.shape[-2:])


def _stacked(maps: list[Tensor]) -> Float[Tensor, "rows channels height width"]:
    """Masks as they are, at one size; classes as constant maps of it."""
    size = next((one.shape[-2:] for one in maps if one.ndim == 4), (1, 1))
    return torch.cat([one if one.ndim == 4 else one[:, :, None, None].expand(-1, -1, *size) for one in maps], 1)
