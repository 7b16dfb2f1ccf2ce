"""Where a classifier looks, averaged over noisy copies of the image."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from ssmtl import AnotherTask, Bridge, Features, FrozenPredictor, Guide, Images, Kind, Pyramid, RandomStream

EPSILON = 1e-8  # keeps the division by the largest value finite if every gradient is zero
SIDE = 64  # in pixels, of the noise: a larger image is tiled with it


class SmoothGrad(Bridge):
    """|mean of ∂ logit / ∂ x over noisy copies of the image|, of the class that is predicted without noise.

    Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017: the noise is normal, its standard deviation a
    share of the image's range. The map is the maximum over the image's channels, divided by its largest value,
    detached, averaged down to the size of one level of the pyramid, and joined with that level's features.

    The noise is the same for every image and in every step, so that training, prediction and export repeat it.

    :param guided_by: the classification task. :param stride: of the level that is widened.
    :param samples: noisy copies; the paper takes 50, and each costs a forward and a backward pass.
    :param noise: standard deviation, as a share of each image's range; the paper advises 0.1 to 0.2.
    """

    guide_kinds: ClassVar[frozenset[Kind]] = frozenset({"multiclass", "multilabel"})
    unit_noise: Tensor

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        guided_by: AnotherTask,
        stride: PositiveInt = 8,
        samples: PositiveInt = 8,
        noise: Annotated[float, Field(ge=0, le=10)] = 0.15,
    ) -> None:
        super().__init__()
        self.level = pyramid.level_of(stride)
        self.pyramid = pyramid.widened(self.level, 1)
        self.reads = frozenset({guided_by})
        self.guided_by, self.noise = guided_by, noise
        numbers = RandomStream.of(range(samples), "SmoothGrad").normal("noise", pyramid.image_channels * SIDE**2)
        self.register_buffer("unit_noise", numbers.view(samples, -1, SIDE, SIDE), persistent=False)

    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        (added,) = self.maps(images, features, guides).values()
        widened = torch.cat([features[self.level], added.to(features[self.level].dtype)], dim=1)
        return (*features[: self.level], widened, *features[self.level + 1 :])

    def maps(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Mapping[str, Tensor]:
        sensitivity = smooth_gradient(images, guides[self.guided_by], self.noise * self._tiled(images))
        sensitivity = sensitivity / (sensitivity.amax((1, 2, 3), keepdim=True) + EPSILON)
        height, width = features[self.level].shape[-2:]
        return {"smooth_grad": F.adaptive_avg_pool2d(sensitivity, (height, width))}

    def _tiled(self, images: Images) -> Float[Tensor, "samples channels height width"]:
        height, width = images.shape[-2:]
        return self.unit_noise.repeat(1, 1, -(-height // SIDE), -(-width // SIDE))[..., :height, :width]


def smooth_gradient(
    images: Images, guide: FrozenPredictor, noise: Float[Tensor, "samples channels height width"]
) -> Float[Tensor, "rows 1 height width"]:
    """In float32, detached."""
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        plain = images.detach().float()
        span = plain.amax((1, 2, 3), keepdim=True) - plain.amin((1, 2, 3), keepdim=True)
        copies = (plain[:, None] + span[:, None] * noise).requires_grad_()
        predicted = guide(plain).detach().argmax(1)
        logits = guide(copies.flatten(0, 1)).view(images.shape[0], noise.shape[0], -1)
        chosen = (logits * F.one_hot(predicted, logits.shape[2])[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, copies)
    return gradient.mean(1).abs().amax(1, keepdim=True)
