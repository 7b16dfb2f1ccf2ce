"""MultiMix's encoder, table 4 of the paper."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import nn

from ssmtl import Backbone, Features, Images, Pyramid
from ssmtl_multimix.blocks import DROPOUT, Dropout, double_convolution
from ssmtl_multimix.pool import halved


class MultiMixEncoder(Backbone):
    """Five double convolutions with max-pooling 2 between them (Haque et al. 2021, table 4).

    Level i of the pyramid is block i before its max-pool: strides 1, 2, 4, 8, 16. The fifth max-pool is the
    classification head's first step, since the decoder starts before it.

    :param widths: channels of the blocks.
    :param dropout: dropout rate after each block.
    :param always_dropout: dropout in evaluation too, as the authors' public script leaves it on; off, as there, where
        the images are differentiated (saliency). It drops the same each time, so that an evaluation can be repeated.
    :raises ValueError: if the images are a single pixel at the deepest level.
    """

    def __init__(
        self,
        image_channels: int,
        image_size: int | tuple[int, int] | None = None,
        /,
        *,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (16, 32, 64, 128, 256),
        dropout: Annotated[float, Field(ge=0, lt=1)] = DROPOUT,
        always_dropout: bool = False,
    ) -> None:
        super().__init__()
        self.pyramid = Pyramid(tuple(widths), tuple(2**level for level in range(len(widths))), image_channels)
        deepest = self.pyramid.strides[-1]
        if image_size == deepest:
            raise ValueError(
                f"images of {image_size} pixels are one pixel at the deepest level, too few for its normalisation: "
                f"image.size must be at least {2 * deepest}"
            )
        inputs = (image_channels, *widths[:-1])
        self.blocks = nn.ModuleList(
            double_convolution(before, after, dropout) for before, after in zip(inputs, widths, strict=True)
        )
        self.always_dropout = always_dropout

    def forward(self, images: Images) -> Features:
        if not self.always_dropout or self.training or images.requires_grad:
            return self._levels(images)
        dropouts = [module for module in self.modules() if isinstance(module, Dropout)]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            try:
                for dropout in dropouts:
                    dropout.train()
                return self._levels(images)
            finally:
                for dropout in dropouts:
                    dropout.eval()

    def _levels(self, images: Images) -> Features:
        levels, features = [], images
        for number, block in enumerate(self.blocks):
            features = block(halved(features) if number else features)
            levels.append(features)
        return tuple(levels)
