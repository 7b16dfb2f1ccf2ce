"""Quarter turns, which a network can learn to tell apart without labels."""

import torch
from jaxtyping import Int
from torch import Tensor

from ssmtl import Images, RandomStream


def turns(stream: RandomStream) -> Int[Tensor, " rows"]:
    """0 to 3 quarter turns for each row, equally likely."""
    return (stream.uniform("remixmatch rotation")[:, 0] * 4).long()


def turned(images: Images, quarters: Int[Tensor, " rows"]) -> Images:
    """Each row turned by its own number of quarter turns.

    :raises ValueError: if the images are not square.
    """
    height, width = images.shape[-2:]
    if height != width:
        raise ValueError(f"quarter turns need square images, these are {height}×{width}; rotation: 0 leaves them out")
    every = torch.stack([images.rot90(number, (-2, -1)) for number in range(4)])
    return every[quarters, torch.arange(len(images), device=images.device)]
