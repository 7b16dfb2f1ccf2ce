"""Tasks that learn how much of each other's features to use."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ssmtl import AnotherTask, Pyramid
from ssmtl_bridges.exchange import ExchangeBridge


class CrossStitch(ExchangeBridge):
    """A layer of the task's own at each level, then a learned mixture with the same layer of another task.

    Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016, equation (1), one pair of weights for each
    channel. Both tasks may have this bridge and name each other; one that has none gives the shared features.

    :param partner: the other task. :param own: the weight that the task's own features start with; the other's is the
        rest.
    """

    def __init__(
        self, pyramid: Pyramid, /, *, partner: AnotherTask, own: Annotated[float, Field(ge=0, le=1)] = 0.9
    ) -> None:
        super().__init__(pyramid, partner)
        weights = [torch.tensor([own, 1 - own])[:, None].repeat(1, channels) for channels in pyramid.channels]
        self.mixtures = nn.ParameterList(nn.Parameter(pair) for pair in weights)

    def mixed(self, level: int, own: Tensor, other: Tensor) -> Tensor:
        pair = self.mixtures[level]
        mixture: Tensor = pair[0, :, None, None] * own + pair[1, :, None, None] * other
        return mixture
