"""Gaussian noise on images."""

import torch

from ssmtl import Images, RandomStream


def noisy(images: Images, stream: RandomStream, name: str, deviation: float) -> Images:
    """With noise that is cut off at two standard deviations, in [0, 1] again.

    :param name: the same name always gives the same noise.
    """
    uniform = stream.uniform(name, images[0].numel()).reshape(images.shape)
    noise: Images = torch.special.ndtri(uniform).clamp(-2, 2)
    return (images + deviation * noise).clamp(0, 1)
