"""Where images that show alike things lie near each other: unit vectors, by a small network on the features."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import Features


class Embedding(nn.Module):
    """Two layers on the mean of the coarsest level, then normalised; SimMatch and CoMatch have 128 dimensions.

    :param channels: of the coarsest level. :param width: dimensions.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, width))

    def forward(self, features: Features) -> Float[Tensor, "rows width"]:
        return F.normalize(self.layers(features[-1].float().mean((2, 3))))
