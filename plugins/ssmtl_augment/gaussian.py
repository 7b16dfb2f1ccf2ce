"""Gaussian smoothing with a width of its own for each row."""

import torch
from jaxtyping import Float
from torch import Tensor

NARROWEST = 1e-3
"""In pixels: below, nothing but the pixel itself has a weight."""


def smoothed(
    images: Float[Tensor, "rows channels height width"], sigma: Float[Tensor, " rows"]
) -> Float[Tensor, "rows channels height width"]:
    """:param sigma: standard deviation in pixels; 0 changes nothing, to the last bit.

    Weights of pixels outside the image are given to those inside, so that a flat image stays flat.
    """
    height, width = images.shape[-2:]
    return _matrix(sigma, height) @ images @ _matrix(sigma, width).transpose(-2, -1)


def _matrix(sigma: Float[Tensor, " rows"], length: int) -> Float[Tensor, "rows 1 length length"]:
    """From each pixel of a line to each, weights that sum to 1."""
    places = torch.arange(length, device=sigma.device, dtype=torch.float32)
    apart = (places[:, None] - places) / sigma.clamp_min(NARROWEST)[:, None, None, None]
    weights = (-apart.square() / 2).exp()
    return weights / weights.sum(-1, keepdim=True)
