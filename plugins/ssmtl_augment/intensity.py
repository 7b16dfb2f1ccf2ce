"""Domain randomisation of intensities: no pixel moves."""

import math
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ssmtl import Images, Masks, RandomStream
from ssmtl_augment.bias_field import bias_field
from ssmtl_augment.gaussian import smoothed

Fraction = Annotated[float, Field(ge=0, le=1)]


class IntensityRandomization:
    """Bias field, gamma, contrast, brightness, blur and noise, in this order, each for a part of the images.

    As the image-quality and appearance transformations of Zhang et al., "Generalizing Deep Learning for Medical Image
    Segmentation to Unseen Domains via Deep Stacked Transformation", TMI 2020, each with its probability of 0.5; bias
    field and ranges are ours. Amounts a are drawn uniformly from [-1, 1] for each image. Masks stay as they are. With
    an option at the value named last, the operation changes nothing.

    :param probability: of each operation, for each image.
    :param bias: the image times exp(bias · a · field), where the smooth field reaches −1 or 1; 0.
    :param gamma: the image to the power of gamma^a; 1.
    :param contrast: differences from the image's mean times 1 + contrast · a; 0.
    :param brightness: the image plus brightness · a; 0.
    :param blur: the greatest standard deviation of a Gaussian, in pixels; 0.
    :param noise: the greatest standard deviation of normal noise, of grey levels in [0, 1]; 0.
    """

    moved_by: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        probability: Fraction = 0.5,
        bias: Annotated[float, Field(ge=0, le=5)] = 0.5,
        gamma: Annotated[float, Field(ge=1, le=10)] = 2.0,
        contrast: Fraction = 0.3,
        brightness: Fraction = 0.2,
        blur: Annotated[float, Field(ge=0, le=100)] = 1.0,
        noise: Fraction = 0.05,
    ) -> None:
        self.probability = probability
        self.bias, self.gamma, self.contrast = bias, gamma, contrast
        self.brightness, self.blur, self.noise = brightness, blur, noise

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks | None, stream: RandomStream) -> tuple[Images, Masks | None]:
        if self.bias:
            field = bias_field(stream, *images.shape[-2:])
            images = (images * (self.bias * self._amounts(stream, "bias") * field).exp()).clamp(0, 1)
        if self.gamma > 1:
            images = images ** (math.log(self.gamma) * self._amounts(stream, "gamma")).exp()
        if self.contrast:
            mean = images.mean(-1, keepdim=True).mean((1, 2), keepdim=True)
            images = images + (images - mean) * self.contrast * self._amounts(stream, "contrast")
        images = images + self.brightness * self._amounts(stream, "brightness")
        if self.blur:
            images = smoothed(images, self.blur * self._amounts(stream, "blur").abs().flatten())
        if self.noise:
            normal = stream.normal("noise", math.prod(images.shape[1:])).view(images.shape)
            images = images + self.noise * self._amounts(stream, "noise amount").abs() * normal
        return images.clamp(0, 1), masks

    def _amounts(self, stream: RandomStream, name: str) -> Float[Tensor, "rows 1 1 1"]:
        """In [-1, 1]; 0 where the operation is left out."""
        chance, amount = stream.uniform(name, 2).T
        amounts: Tensor = (2 * amount - 1).where(chance < self.probability, 0.0)
        return amounts[:, None, None, None]
