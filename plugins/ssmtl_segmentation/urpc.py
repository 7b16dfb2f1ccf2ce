"""URPC: masks from every scale agree with their mean, where they are near it already."""

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import Batch, Kind, Logits, Output, Outputs, Strategy, TaskFacts, View
from ssmtl_segmentation.mask_losses import dice_and_cross_entropy
from ssmtl_segmentation.outcomes import log_outcomes
from ssmtl_segmentation.rampup import rampup


class UncertaintyRectifiedPyramid(Strategy):
    """The head's masks and those of further scales agree with their mean, weighted by their certainty.

    Luo et al., "Efficient Semi-Supervised Gross Target Volume of Nasopharyngeal Carcinoma Segmentation via Uncertainty
    Rectified Pyramid Consistency", MICCAI 2021: with p_c the mean over S scales and D_s = Σ p_s log(p_s / p_c), the
    mean over scales of Σ w_s ‖p_s − p_c‖² / Σ w_s, with w_s = exp(−D_s), and of the mean of D_s, on unlabelled images;
    and on labelled ones half Dice, half cross-entropy of each scale. There, scales are those of the decoder; here, the
    further ones are 1 × 1 convolutions of the coarsest levels that the head reads, as no contract shows a decoder's
    inside. Sums are over each image, ‖·‖² is the mean over outcomes, and λ grows from exp(−5) of its value. SSL4MIS,
    of the same authors, has the divergence the other way round, Σ p_c log(p_c / p_s).

    :param scales: further ones; 3 in the paper. :param supervised: weight of their mean supervised loss.
    :param consistency: the final λ; 0.1 in the paper. :param augment: of labelled and unlabelled images.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"masks"})
    takes_exclusive: ClassVar[bool] = True
    heads: nn.ModuleList

    def __init__(
        self,
        output: Output,
        /,
        *,
        scales: PositiveInt = 3,
        supervised: NonNegativeFloat = 1.0,
        consistency: NonNegativeFloat = 0.1,
        augment: str = "weak",
    ) -> None:
        super().__init__()
        self.output, self.scales, self.supervised, self.consistency = output, scales, supervised, consistency
        self.labeled, self.unlabeled = View("labeled", augment), View("unlabeled", augment)
        self.views = frozenset({self.labeled, self.unlabeled})

    def begin(self, facts: TaskFacts) -> None:
        channels = facts.pyramid.channels
        if len(channels) < self.scales:
            raise ValueError(f"scales is {self.scales}, and the pyramid of '{facts.task}' has {len(channels)} levels")
        self.heads = nn.ModuleList(nn.Conv2d(own, len(self.output.classes), 1) for own in channels[-self.scales :])

    def by_rows(self, batch: Batch) -> bool:
        return True

    def loss(self, batch: Batch, outputs: Outputs, progress: float) -> Float[Tensor, ""]:
        masks = batch.targets[self.labeled]
        further = self._further(outputs, self.labeled)
        supervised = torch.stack([dice_and_cross_entropy(self.output, logits, masks) for logits in further]).mean()
        logits = torch.stack([outputs[self.unlabeled], *self._further(outputs, self.unlabeled)])
        logs = torch.stack([log_outcomes(self.output, one) for one in logits])
        return self.supervised * supervised + self.consistency * rampup(progress) * _pyramid_consistency(logs)

    def _further(self, outputs: Outputs, view: View) -> list[Logits]:
        levels = zip(self.heads, outputs.features(view)[-self.scales :], strict=True)
        size = outputs[view].shape[-2:]
        return [F.interpolate(head(level.float()), size=size, mode="bilinear") for head, level in levels]


def _pyramid_consistency(logs: Float[Tensor, "scales rows *pixels outcomes"]) -> Float[Tensor, ""]:
    """Rectified consistency and uncertainty. :param logs: logarithms of probabilities."""
    scales, mean = logs.exp(), logs.exp().mean(0)
    divergence = (scales * (logs - mean.clamp(min=1e-12).log())).sum(-1).flatten(2)
    weights = torch.exp(-divergence)
    squares = (scales - mean).square().mean(-1).flatten(2)
    return ((weights * squares).sum(2) / weights.sum(2) + divergence.mean(2)).mean()
