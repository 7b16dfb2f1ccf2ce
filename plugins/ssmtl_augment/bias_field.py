"""A smooth field over the image, like that of an uneven exposure or a coil."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import RandomStream

WAVES = 3
"""Cosines along each side: of 0, 1 and 2 half periods; all products but the constant one."""


def bias_field(stream: RandomStream, height: int, width: int) -> Float[Tensor, "rows 1 height width"]:
    """Sums of products of cosines with coefficients uniform in [-1, 1], scaled so that the largest size is 1."""
    coefficients = (2 * stream.uniform("bias field", WAVES**2) - 1).view(len(stream), WAVES, WAVES)
    coefficients[:, 0, 0] = 0
    down, across = (_cosines(length).to(coefficients.device) for length in (height, width))
    field = (down @ coefficients @ across.T)[:, None]
    return field / field.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-6)


def _cosines(length: int) -> Float[Tensor, "length waves"]:
    middles = (torch.arange(length) + 0.5) / length
    return (math.pi * middles[:, None] * torch.arange(WAVES)).cos()
