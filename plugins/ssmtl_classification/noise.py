"""Gaussian numbers from a random stream."""

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import Images, RandomStream


def gaussian(stream: RandomStream, name: str, like: Images) -> Float[Tensor, "rows channels height width"]:
    """Standard normal, by inverting the distribution; none is farther from 0 than 4.

    :param name: the same name always gives the same numbers. :param like: images of the wanted shape.
    """
    numbers: Tensor = torch.special.ndtri(stream.uniform(name, like[0].numel())).clamp(-4, 4)
    return numbers.reshape(like.shape)
