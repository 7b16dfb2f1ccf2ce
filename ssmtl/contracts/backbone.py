"""The contract of a backbone: images in, a feature pyramid out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from torch import Tensor, nn

from ssmtl.contracts.shapes import Features, Images


@dataclass(frozen=True)
class Pyramid:
    """What a backbone promises about its features, finest level first.

    :param channels: channels of each level.
    :param strides: input pixels per feature pixel of each level, ascending.
    :param image_channels: channels of the images.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    image_channels: int = 1

    def level_of(self, stride: int) -> int:
        """The place of the level of that stride.

        :raises ValueError: if there is none.
        """
        if stride not in self.strides:
            raise ValueError(
                f"no level of stride {stride}; this backbone has strides {', '.join(map(str, self.strides))}"
            )
        return self.strides.index(stride)

    def check(self, features: Features) -> None:
        """:raises ValueError: if these are no features with so many channels at each level."""
        if not isinstance(features, tuple | list):
            raise ValueError(f"features are {type(features).__name__}, expected a tuple, one tensor per level")
        found = tuple(level.shape[1] if isinstance(level, Tensor) and level.ndim == 4 else None for level in features)
        if found != self.channels:
            raise ValueError(f"features have the channels {found}, expected {self.channels}: one number per level")

    def widened(self, level: int, by: int) -> "Pyramid":
        """The same pyramid with `by` more channels at `level`."""
        channels = list(self.channels)
        channels[level] += by
        return replace(self, channels=tuple(channels))


class Backbone(nn.Module, ABC):
    """Backbone(image_channels, image_size=None, /, *, options): shared by all tasks.

    `image_size` is that of the recipe's images, in pixels, for networks that are built for one size: the side of square
    ones, else (height, width); None: any size. A constructor may leave it out.
    `pyramid` describes what `forward` returns. Images arrive normalised.
    """

    pyramid: Pyramid

    @abstractmethod
    def forward(self, images: Images) -> Features:
        """One tensor per level of `pyramid`, each of shape (rows, channels, height / stride, width / stride)."""
