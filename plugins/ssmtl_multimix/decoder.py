"""MultiMix's decoder, table 5 of the paper."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from ssmtl import Features, Head, Logits, Output, Pyramid
from ssmtl_multimix.blocks import DROPOUT, double_convolution
from ssmtl_multimix.upsampling import upsample


class MultiMixDecoder(Head):
    """A double convolution for each level above the deepest, on the upsampled features beside the skip connection.

    Haque et al. 2021, table 5: widths 128, 64, 32, 16; a last convolution to one channel per structure (1 × 1; the
    paper gives no kernel size). Upsampling is bilinear. With the saliency bridge at stride 8 the first block reads
    256 + 128 + 2 channels. If the finest level is smaller than the image, the logits are upsampled to its size.

    :param classes: names of the structures, each with its own sigmoid.
    :param exclusive: whether at most one structure is at each pixel: a softmax over them and the background.
    :param dropout: dropout rate after each block.
    :param widths: channels of the blocks, coarsest first; None: halving down to those of the finest level.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        classes: Annotated[tuple[str, ...], Field(min_length=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)] = DROPOUT,
        widths: tuple[Annotated[int, Field(ge=1)], ...] | None = None,
        exclusive: bool = False,
    ) -> None:
        super().__init__()
        if len(set(classes)) < len(classes):
            raise ValueError(f"the structures {list(classes)} are not distinct")
        levels = len(pyramid.channels) - 1
        narrowing = tuple(2**level for level in reversed(range(levels)))
        chosen = widths or tuple(pyramid.channels[0] * factor for factor in narrowing)
        if len(chosen) != levels:
            raise ValueError(f"{len(chosen)} widths for {levels} decoder blocks")
        self.output = Output("masks", tuple(classes), exclusive)
        inputs = (pyramid.channels[-1], *chosen[:-1])
        skips = pyramid.channels[-2::-1]
        self.blocks = nn.ModuleList(
            double_convolution(below + skip, width, dropout)
            for below, skip, width in zip(inputs, skips, chosen, strict=True)
        )
        self.last = nn.Conv2d(chosen[-1], len(classes), 1)
        self.stride = pyramid.strides[0]

    def forward(self, features: Features) -> Logits:
        merged = features[-1]
        for block, skip in zip(self.blocks, features[-2::-1], strict=True):
            merged = block(torch.cat([upsample(merged, *skip.shape[-2:]), skip], dim=1))
        logits: Logits = self.last(merged)
        if self.stride > 1:
            logits = upsample(logits, self.stride * logits.shape[-2], self.stride * logits.shape[-1])
        return logits
