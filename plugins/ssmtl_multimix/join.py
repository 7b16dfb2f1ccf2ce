"""How a bridge adds maps to a feature pyramid."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Features


def join(features: Features, level: int, maps: Tensor) -> Features:
    """Maps of shape (rows, channels, height, width), averaged down to the level's size and appended to its channels."""
    height, width = features[level].shape[-2:]
    small = F.adaptive_avg_pool2d(maps, (height, width))
    widened = torch.cat([features[level], small.to(features[level].dtype)], dim=1)
    return (*features[:level], widened, *features[level + 1 :])
