"""Quarter turns, which a network can learn to tell apart without labels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Features, Images, RandomStream


def turned(images: Images, stream: RandomStream) -> tuple[Images, Int[Tensor, " rows"]]:
    """Each row turned by 0 to 3 quarters, equally likely; by 0 or 2 if the images are not square. And by how many."""
    quarters = (stream.uniform("remixmatch rotation")[:, 0] * 4).long()
    height, width = images.shape[-2:]
    if height != width:
        quarters = quarters // 2 * 2
    possible = range(4) if height == width else (0, 0, 2, 2)
    every = torch.stack([images.rot90(number, (-2, -1)) for number in possible])
    return every[quarters, torch.arange(len(images), device=images.device)], quarters


def pooled(features: Features) -> Float[Tensor, "rows channels"]:
    """The coarsest level, as `pooled_linear` reads it: its mean after max-pooling 2.

    After an instance normalisation the mean alone is nearly the same for every image.
    """
    level = features[-1].float()
    return (F.max_pool2d(level, 2) if min(level.shape[-2:]) > 1 else level).mean((2, 3))
