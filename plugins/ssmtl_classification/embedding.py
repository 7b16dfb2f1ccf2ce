"""Where images that show alike things lie near each other: unit vectors, by a small network on the features."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import Features


class Embedding(nn.Module):
    """Two layers on the coarsest level, pooled as `pooled_linear` does it, then normalised.

    After an instance normalisation the mean without max-pooling is nearly the same for every image.

    :param channels: of the coarsest level. :param width: dimensions.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, width))

    def forward(self, features: Features) -> Float[Tensor, "rows width"]:
        level = features[-1].float()
        pooled = F.max_pool2d(level, 2) if min(level.shape[-2:]) > 1 else level
        return F.normalize(self.layers(pooled.mean((2, 3))))
