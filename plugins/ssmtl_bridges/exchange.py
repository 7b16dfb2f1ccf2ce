"""What bridges share that mix two tasks' features."""

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from ssmtl import Bridge, Features, Guide, Images, Pyramid


class ExchangeBridge(Bridge):
    """A layer of the task's own at each level, then a mixture with the same layer of another task.

    The layers stand for the separate networks of papers whose tasks share nothing: here the backbone is shared. They
    are 1 × 1 convolutions that change nothing at first. Both tasks may have such a bridge and name each other; a
    partner that has none gives the shared features.
    """

    def __init__(self, pyramid: Pyramid, partner: str) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.learns_from = frozenset({partner})
        self.partner = partner
        layers = [nn.Conv2d(channels, channels, 1, bias=False) for channels in pyramid.channels]
        for layer in layers:
            nn.init.dirac_(layer.weight)
        self.layers = nn.ModuleList(layers)

    def own_features(self, images: Images, features: Features) -> Features:
        return tuple(layer(level) for layer, level in zip(self.layers, features, strict=True))

    def forward(self, images: Images, features: Features, guides: Mapping[str, Guide]) -> Features:
        ours, theirs = self.own_features(images, features), guides[self.partner].own_features()
        return tuple(self.mixed(level, own, other) for level, (own, other) in enumerate(zip(ours, theirs, strict=True)))

    @abstractmethod
    def mixed(self, level: int, own: Tensor, other: Tensor) -> Tensor:
        """Both tasks' features of one level, of the same shape, as the features that the task's head reads."""
