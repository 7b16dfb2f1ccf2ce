"""Tasks that learn which of both their features to keep."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ssmtl import AnotherTask, Pyramid
from ssmtl_bridges.exchange import ExchangeBridge


class DiscriminativeReduction(ExchangeBridge):
    """Both tasks' features of a level, one beside the other, reduced to the task's channels by a 1 × 1 convolution.

    Gao et al., "NDDR-CNN: Layerwise Feature Fusing in Multi-Task CNNs by Neural Discriminative Dimensionality
    Reduction", CVPR 2019. The convolution starts as the weighted sum of both, the paper's initialisation by shortcuts.

    Differences: a layer of each task's own on shared features stands for its network; there is no batch normalisation
    after the convolution, which would make rows depend on each other, and the optimiser's weight decay is the recipe's.

    :param partner: the other task. :param own: the weight that the task's own features start with; the other's is the
        rest. 0.9 as in the paper.
    """

    def __init__(
        self, pyramid: Pyramid, /, *, partner: AnotherTask, own: Annotated[float, Field(ge=0, le=1)] = 0.9
    ) -> None:
        super().__init__(pyramid, partner)
        self.reductions = nn.ModuleList(_weighted_sum(channels, own) for channels in pyramid.channels)

    def mixed(self, level: int, own: Tensor, other: Tensor) -> Tensor:
        reduced: Tensor = self.reductions[level](torch.cat([own, other], dim=1))
        return reduced


def _weighted_sum(channels: int, own: float) -> nn.Conv2d:
    layer, one = nn.Conv2d(2 * channels, channels, 1), torch.eye(channels)[..., None, None]
    with torch.no_grad():
        layer.weight.copy_(torch.cat([own * one, (1 - own) * one], dim=1))
        if layer.bias is not None:
            layer.bias.zero_()
    return layer
