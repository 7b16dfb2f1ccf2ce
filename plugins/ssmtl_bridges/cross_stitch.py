"""Tasks that learn how much of each other's features to use."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from ssmtl import Bridge, Features, Guide, Images, Pyramid


class CrossStitch(Bridge):
    """A layer of the task's own at each level, then a learned mixture with the same layer of another task.

    Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016, equation (1), one pair of weights for each
    channel. Both tasks may have this bridge and name each other; one that has none gives the shared features.

    :param partner: the other task. :param own: the weight that the task's own features start with; the other's is the
        rest.
    """

    def __init__(self, pyramid: Pyramid, /, *, partner: str, own: Annotated[float, Field(ge=0, le=1)] = 0.9) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.learns_from = frozenset({partner})
        self.partner = partner
        layers = [nn.Conv2d(channels, channels, 1, bias=False) for channels in pyramid.channels]
        for layer in layers:
            nn.init.dirac_(layer.weight)
        self.layers = nn.ModuleList(layers)
        weights = [torch.tensor([own, 1 - own])[:, None].repeat(1, channels) for channels in pyramid.channels]
        self.mixtures = nn.ParameterList(nn.Parameter(pair) for pair in weights)

    def own_features(self, images: Images, features: Features) -> Features:
        return tuple(layer(level) for layer, level in zip(self.layers, features, strict=True))

    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        ours, theirs = self.own_features(images, features), guides[self.partner].own_features()
        return tuple(
            pair[0, :, None, None] * own + pair[1, :, None, None] * other
            for pair, own, other in zip(self.mixtures, ours, theirs, strict=True)
        )
