"""MultiMix's encoder, table 4 of the paper."""

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import nn
from torch.nn import functional as F

from ssmtl import Backbone, Features, Images, Pyramid
from ssmtl_multimix.blocks import DROPOUT, double_convolution


class MultiMixEncoder(Backbone):
    """Five double convolutions with max-pooling 2 between them (Haque et al. 2021, table 4).

    Level i of the pyramid is block i before its max-pool: strides 1, 2, 4, 8, 16. The fifth max-pool is the
    classification head's first step, since the decoder starts before it.

    :param widths: channels of the blocks.
    :param dropout: rate after each block.
    """

    def __init__(
        self,
        image_channels: int,
        /,
        *,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (16, 32, 64, 128, 256),
        dropout: Annotated[float, Field(ge=0, lt=1)] = DROPOUT,
    ) -> None:
        super().__init__()
        self.pyramid = Pyramid(tuple(widths), tuple(2**level for level in range(len(widths))), image_channels)
        inputs = (image_channels, *widths[:-1])
        self.blocks = nn.ModuleList(
            double_convolution(before, after, dropout) for before, after in zip(inputs, widths, strict=True)
        )

    def forward(self, images: Images) -> Features:
        levels, features = [], images
        for number, block in enumerate(self.blocks):
            features = block(F.max_pool2d(features, 2) if number else features)
            levels.append(features)
        return tuple(levels)
