"""segmentation-models-pytorch's decoders as heads."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn import functional as F

from ssmtl import Features, Head, Logits, Output, Pyramid
from ssmtl_smp.build import DEFAULT_WIDTH, Decoder, Norm, build, check


class SmpDecoder(Head):
    """A decoder of segmentation-models-pytorch, and a 3 × 3 convolution to one channel per structure.

    These decoders expect the image before the features but use only its size, so a tensor without channels stands in
    for it. If the finest level has stride 2 or more there is one more block, without a skip connection. `unetplusplus`
    always ends in such a block: at stride 1 the finest level joins its output before the convolution. Logits have the
    size of the images: if the decoder ends coarser (`fpn`, or a finest stride of 4) they are upsampled bilinearly.

    :param classes: names of the structures, each with its own sigmoid.
    :param exclusive: whether at most one structure is at each pixel: a softmax over them and the background.
    :param decoder: the architecture.
    :param width: channels of the decoder's finest level (U-Nets: doubled at each coarser one; `fpn`: at all levels).
    :param norm: normalisation in the decoder's blocks; `batchnorm` mixes the rows of a batch. `fpn` always has group
        norm.
    :raises ValueError: for a pyramid that the decoder cannot read.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        classes: Annotated[tuple[str, ...], Field(min_length=1)],
        decoder: Decoder = "unet",
        width: PositiveInt | None = None,
        norm: Norm = "batchnorm",
        exclusive: bool = False,
    ) -> None:
        super().__init__()
        if len(set(classes)) < len(classes):
            raise ValueError(f"the structures {list(classes)} are not distinct")
        chosen = DEFAULT_WIDTH[decoder] if width is None else width
        check(decoder, pyramid.strides, chosen)
        self.output = Output("masks", tuple(classes), exclusive)
        self.stride = pyramid.strides[0]
        blocks = len(pyramid.channels) - (self.stride == 1)
        self.decoder, channels = build(decoder, (0, *pyramid.channels), blocks, chosen, norm)
        self.joins_finest = decoder == "unetplusplus" and self.stride == 1
        skip = pyramid.channels[0] if self.joins_finest else 0
        self.last = nn.Conv2d(channels + skip, len(classes), 3, padding=1)

    def forward(self, features: Features) -> Logits:
        finest = features[0]
        size = [side * self.stride for side in finest.shape[-2:]]
        image = finest.new_empty((finest.shape[0], 0, *size))
        decoded = self.decoder([image, *features])
        logits: Logits = self.last(torch.cat([decoded, finest], 1) if self.joins_finest else decoded)
        if list(logits.shape[-2:]) == size:
            return logits
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
