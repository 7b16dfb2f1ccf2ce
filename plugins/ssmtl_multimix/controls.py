"""Control experiments for the saliency bridge: the same channels without the saliency."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor

from ssmtl import Bridge, Features, FrozenPredictor, Images, Pyramid
from ssmtl_multimix.join import averaged, join


class RandomMapBridge(Bridge):
    """Noise in place of the saliency map: does the saliency matter, or only the two extra channels?

    In training the noise is new at each step; in evaluation it is a pure function of the image.

    :param stride: stride of the level that is widened, in input pixels per feature pixel.
    """

    def __init__(self, pyramid: Pyramid, /, *, stride: PositiveInt = 8) -> None:
        super().__init__()
        self.level = pyramid.level_of(stride)
        self.pyramid = pyramid.widened(self.level, pyramid.image_channels + 1)

    def forward(self, images: Images, features: Features, guides: Mapping[str, FrozenPredictor]) -> Features:
        return join(features, self.level, self.maps(images, features, guides).values())

    def maps(self, images: Images, features: Features, guides: Mapping[str, FrozenPredictor]) -> Mapping[str, Tensor]:
        """The image and the noise."""
        noise = torch.rand_like(images[:, :1]) if self.training else _noise_of(images)
        return {"image": averaged(images, features[self.level]), "noise": averaged(noise, features[self.level])}


class ImageOnlyBridge(Bridge):
    """The image alone, without a saliency map: it adds the channels of the image only.

    :param stride: stride of the level that is widened, in input pixels per feature pixel.
    """

    def __init__(self, pyramid: Pyramid, /, *, stride: PositiveInt = 8) -> None:
        super().__init__()
        self.level = pyramid.level_of(stride)
        self.pyramid = pyramid.widened(self.level, pyramid.image_channels)

    def forward(self, images: Images, features: Features, guides: Mapping[str, FrozenPredictor]) -> Features:
        return join(features, self.level, self.maps(images, features, guides).values())

    def maps(self, images: Images, features: Features, guides: Mapping[str, FrozenPredictor]) -> Mapping[str, Tensor]:
        """The image alone."""
        return {"image": averaged(images, features[self.level])}


def _noise_of(images: Images) -> Float[Tensor, "rows 1 height width"]:
    """Uniform noise in [0, 1), seeded by the sum of each image."""
    rows = []
    for image in images:
        generator = torch.Generator().manual_seed(int(image.double().sum().item() * 2**16))
        rows.append(torch.rand(1, *image.shape[1:], generator=generator))
    return torch.stack(rows).to(images)
