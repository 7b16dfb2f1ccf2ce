"""A mask of the task's own on the shared features."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import Bridge, Features, Guide, Images, Pyramid


class AttentionMasks(Bridge):
    """At each level the shared features times a mask in (0, 1), made of them and of the finer level's masked features.

    Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019, section on the task-specific
    attention module, in the encoder: â = a ⊙ u with a = h(g([u; f(â of the finer level)])), where g and h are 1 × 1
    convolutions, followed by ReLU and by the sigmoid, and f is a 3 × 3 convolution, ReLU and max-pooling.

    Differences: the masks are made of the same features that they are applied to, since a pyramid has one feature map
    of each size; there is no batch normalisation, which would make rows depend on each other; f is the task's own.
    """

    def __init__(self, pyramid: Pyramid, /) -> None:
        super().__init__()
        self.pyramid = pyramid
        wide = pyramid.channels
        inputs = (wide[0], *(2 * channels for channels in wide[1:]))
        self.mixes = nn.ModuleList(nn.Conv2d(seen, channels, 1) for seen, channels in zip(inputs, wide, strict=True))
        self.masks = nn.ModuleList(nn.Conv2d(channels, channels, 1) for channels in wide)
        self.finer = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(wide))

    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        masked: list[Tensor] = []
        for place, level in enumerate(features):
            seen = level
            if masked:
                before = self.finer[place - 1](masked[-1]).relu()
                seen = torch.cat([level, F.adaptive_max_pool2d(before, list(level.shape[-2:]))], dim=1)
            masked.append(self.masks[place](self.mixes[place](seen).relu()).sigmoid() * level)
        return tuple(masked)
