"""Gaussian noise on images."""

from ssmtl import Images, RandomStream


def noisy(images: Images, stream: RandomStream, name: str, deviation: float) -> Images:
    """With noise that is cut off at two standard deviations, in [0, 1] again.

    :param name: the same name always gives the same noise.
    """
    noise = stream.normal(name, images[0].numel()).clamp(-2, 2).reshape(images.shape)
    return (images + deviation * noise).clamp(0, 1)
