"""A small model to try components with."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl.builtins.pooled_linear import PooledLinear
from ssmtl.builtins.pooled_numbers import PooledNumbers
from ssmtl.contracts.backbone import Backbone, Pyramid
from ssmtl.contracts.head import Head, Kind, Output
from ssmtl.contracts.shapes import Features, Images, Logits
from ssmtl.model.multi_task_model import MultiTaskModel


class SampleBackbone(Backbone):
    """Five narrow levels with batch norm and dropout, so that disturbing its statistics or flags is noticed.

    :param plain: without both.
    """

    def __init__(self, image_channels: int = 1, *, plain: bool = False) -> None:
        super().__init__()
        self.pyramid = Pyramid((4, 4, 6, 6, 8), (1, 2, 4, 8, 16), image_channels)
        inputs = (image_channels, *self.pyramid.channels[:-1])
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1),
                nn.Identity() if plain else nn.BatchNorm2d(after),
                nn.GELU(),
                nn.Dropout(0.0 if plain else 0.2),
            )
            for before, after in zip(inputs, self.pyramid.channels, strict=True)
        )

    def forward(self, images: Images) -> Features:
        levels, features = [], images
        for number, block in enumerate(self.blocks):
            features = block(F.avg_pool2d(features, 2) if number else features)
            levels.append(features)
        return tuple(levels)


class SampleMasks(Head):
    """A convolution on the finest level."""

    def __init__(self, pyramid: Pyramid, classes: tuple[str, ...] = ("a",)) -> None:
        super().__init__()
        self.output = Output("masks", classes)
        self.last = nn.Conv2d(pyramid.channels[0], len(classes), 1)

    def forward(self, features: Features) -> Logits:
        pixels: Tensor = self.last(features[0])
        return pixels


def sample_model(tasks: Iterable[str], kind: Kind, image_channels: int = 1) -> MultiTaskModel:
    """A model with one head of `kind` per task, and no bridges."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = SampleBackbone(image_channels)
        heads = {task: sample_head(kind, backbone.pyramid) for task in tasks}
    return MultiTaskModel(backbone, heads, {}, {task: ([0.5], [0.25]) for task in heads})


def sample_head(kind: Kind, pyramid: Pyramid, classes: tuple[str, ...] | None = None) -> Head:
    """A small head of the kind; of three classes or one structure if `classes` does not say."""
    if kind == "masks":
        return SampleMasks(pyramid, classes or ("a",))
    if kind == "numbers":
        return PooledNumbers(pyramid, numbers=classes or ("a", "b"))
    return PooledLinear(pyramid, classes=classes or ("a", "b", "c"), multilabel=kind == "multilabel")
