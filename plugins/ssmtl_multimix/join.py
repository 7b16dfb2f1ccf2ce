"""How a bridge adds maps to a feature pyramid."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Features


def averaged(maps: Tensor, level: Tensor) -> Tensor:
    """Maps of shape (rows, channels, height, width), averaged down to the size of a level of features."""
    height, width = level.shape[-2:]
    return F.adaptive_avg_pool2d(maps, (height, width))


def join(features: Features, level: int, maps: Iterable[Tensor]) -> Features:
    """Maps of the level's size, appended to its channels."""
    added = [one.to(features[level].dtype) for one in maps]
    widened = torch.cat([features[level], *added], dim=1)
    return (*features[:level], widened, *features[level + 1 :])
