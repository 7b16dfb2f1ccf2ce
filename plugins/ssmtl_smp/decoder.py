"""segmentation-models-pytorch's decoders as heads."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from ssmtl import Features, Head, Logits, Output, Pyramid
from ssmtl_smp.build import DEFAULT_WIDTH, Decoder, Norm, build, check, levels_of, multiple, stand_ins

PAN_PIXELS = 8
"""Of a side of the deepest level that PAN needs, which it halves three times."""


class SmpDecoder(Head):
    """A decoder of segmentation-models-pytorch, and a 3 × 3 convolution to one channel per structure.

    `unet`, `unetplusplus`, `manet` and `linknet` read every level; `fpn`, `pan`, `upernet`, `segformer` and `dpt` the
    four coarsest; `deeplabv3plus` the deepest and that of stride 4; `pspnet` that of stride 8 (or the deepest of finer
    ones); `deeplabv3` the deepest. The backbone is not dilated for them. If the finest level has stride 2 or more, the
    first four have one more block, without a skip connection; `unetplusplus` always ends in such a block: at stride 1
    the finest level joins its output before the convolution. Logits have the size of the images: where the decoder ends
    coarser they are upsampled bilinearly.

    :param classes: names of the structures, each with its own sigmoid.
    :param exclusive: whether at most one structure is at each pixel: a softmax over them and the background.
    :param decoder: the architecture.
    :param width: channels of the decoder's finest level (`unet`, `unetplusplus`, `manet`: doubled at each coarser one;
        the others but `linknet`: at all levels).
    :param norm: normalisation in the decoder's blocks; `batchnorm` mixes the rows of a batch. `fpn` always has group
        norm; `pan`, `deeplabv3`, `deeplabv3plus`, `segformer` and `dpt` have batch norm. The recipe's `norm` exchanges
        all of these.
    :raises ValueError: for a pyramid that the decoder cannot read.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        /,
        *,
        classes: Annotated[tuple[str, ...], Field(min_length=1)],
        decoder: Decoder = "unet",
        width: Annotated[PositiveInt, Field(le=1024)] | None = None,
        norm: Norm = "batchnorm",
        exclusive: bool = False,
    ) -> None:
        super().__init__()
        if len(set(classes)) < len(classes):
            raise ValueError(f"the structures {list(classes)} are not distinct")
        chosen = DEFAULT_WIDTH[decoder] if width is None else width
        check(decoder, pyramid.strides, chosen, norm)
        self.output = Output("masks", tuple(classes), exclusive)
        self.kind: Decoder = decoder
        self.strides = pyramid.strides
        self.levels = levels_of(decoder, pyramid.strides)
        self.read_strides = frozenset(pyramid.strides[level] for level in self.levels)
        read = [pyramid.channels[level] for level in self.levels]
        self.decoder, channels = build(decoder, read, [self.strides[level] for level in self.levels], chosen, norm)
        self.joins_finest = decoder == "unetplusplus" and self.strides[0] == 1
        skip = pyramid.channels[0] if self.joins_finest else 0
        self.last = nn.Conv2d(channels + skip, len(classes), 3, padding=1)

    def forward(self, features: Features) -> Logits:
        size = self._size(features)
        decoded = self._decoded([features[level] for level in self.levels], size)
        logits: Logits = self.last(torch.cat([decoded, features[0]], 1) if self.joins_finest else decoded)
        if list(logits.shape[-2:]) == size:
            return logits
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)

    def _size(self, features: Features) -> list[int]:
        """Of the images."""
        size = [side * self.strides[0] for side in features[0].shape[-2:]]
        for level, stride in zip(features, self.strides, strict=True):
            found, expected = list(level.shape[-2:]), [side // stride for side in size]
            if found != expected:
                pixels = " and ".join(f"{high} × {wide}" for high, wide in (found, expected))
                raise ValueError(
                    f"the backbone's level of stride {stride} does not fit its finest one ({pixels} pixels); "
                    "choose a backbone that pads its images, such as resnet18"
                )
        return size

    def _decoded(self, read: list[Tensor], size: list[int]) -> Tensor:
        deepest = read[-1]
        if self.kind == "pan" and min(deepest.shape[-2:]) < PAN_PIXELS:
            high, wide = deepest.shape[-2:]
            raise ValueError(
                f"pan needs {PAN_PIXELS} × {PAN_PIXELS} pixels at the deepest level, found {high} × {wide}: choose a "
                "larger image.size, a backbone whose levels end earlier, or another decoder"
            )
        if self.kind == "pspnet":
            read = [F.pad(deepest, (0, 0, 0, 0, 0, multiple(deepest.shape[1]) - deepest.shape[1]))]
        if self.kind == "dpt":
            decoded: Tensor = self.decoder(read, [None] * len(read))
            return decoded
        if self.kind == "segformer":
            size = [4 * side for side in read[0].shape[-2:]]
        image = read[0].new_empty((read[0].shape[0], 0, *size))
        return self.decoder([image] * stand_ins(self.kind) + read)  # type: ignore[no-any-return]
