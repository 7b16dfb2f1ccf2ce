"""Where two views of one image lie near each other: an embedding, by a small network on the features."""

from jaxtyping import Float
from torch import Tensor, nn

from ssmtl import Features


class Projection(nn.Module):
    """SimCLR's projection head, z = W₂ ReLU(W₁ h), of the mean h over the coarsest level.

    :param channels: of the coarsest level. :param width: dimensions of z.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, width))

    def forward(self, features: Features) -> Float[Tensor, "rows width"]:
        embedding: Tensor = self.layers(features[-1].mean((2, 3)))
        return embedding
