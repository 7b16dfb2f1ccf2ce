"""MC-Net+: several decoders that agree on sharpened masks."""

from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from ssmtl import Batch, Kind, Output, Outputs, Strategy, TaskFacts, View
from ssmtl_segmentation.batch_norm import has_batch_norm
from ssmtl_segmentation.mask_losses import dice_loss
from ssmtl_segmentation.outcomes import Outcomes, log_outcomes
from ssmtl_segmentation.rampup import rampup


class MutualConsistency(Strategy):
    """Further decoders learn the labels, and each decoder's masks learn every other one's sharpened masks.

    Wu et al., "Mutual consistency learning for semi-supervised medical image segmentation", Medical Image Analysis
    2022: the sum over decoders of Dice losses, here of the further ones, since the task's own has another strategy, and
    λ(t) Σ_{i≠j} MSE(p_i^(1/T) / Σ p_i^(1/T), p_j) on labelled and unlabelled images. There the decoders differ by
    how they upsample, here by their initial weights alone; no gradient reaches the sharpened side, and λ grows from
    exp(−5) of its value to all of it. The further decoders are for training alone.

    :param decoders: further ones; 2 in the paper. :param temperature: T; 0.1 in the paper.
    :param supervised, consistency: weights of both sums; 0.5 and 1 in the authors' code for the left atrium.
    :param augment: of labelled and unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True
    decoders: nn.ModuleList

    def __init__(
        self,
        output: Output,
        /,
        *,
        decoders: PositiveInt = 2,
        temperature: Annotated[float, Field(ge=1e-3, le=1)] = 0.1,
        supervised: NonNegativeFloat = 0.5,
        consistency: NonNegativeFloat = 1.0,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.count, self.temperature = output, decoders, temperature
        self.supervised, self.consistency = supervised, consistency
        self.labeled, self.unlabeled = View("labeled", augment), View("unlabeled", augment)
        self.views = frozenset({self.labeled, self.unlabeled})

    def begin(self, facts: TaskFacts) -> None:
        self.decoders = nn.ModuleList(facts.make_head() for _ in range(self.count))

    def by_rows(self, batch: Batch) -> bool:
        return not has_batch_norm(self.decoders)

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        agreement, supervised = [], []
        for view in (self.labeled, self.unlabeled):
            features = tuple(level.float() for level in outputs.features(view))
            logits = [outputs[view], *(decoder(features) for decoder in self.decoders)]
            agreement.append(self._agreement([log_outcomes(self.output, one) for one in logits]))
            if view == self.labeled:
                supervised = [dice_loss(self.output, one, batch.targets[view]) for one in logits[1:]]
        consistency = self.consistency * rampup(progress) * torch.stack(agreement).mean()
        return self.supervised * torch.stack(supervised).sum() + consistency

    def _agreement(self, logs: list[Outcomes]) -> Float[Tensor, ""]:
        """Σ over pairs of different decoders."""
        sharp = [(log.detach() / self.temperature).softmax(-1) for log in logs]
        pairs = [(one, other) for one in range(len(logs)) for other in range(len(logs)) if one != other]
        return torch.stack([(sharp[one] - logs[other].exp()).square().mean() for one, other in pairs]).sum()
