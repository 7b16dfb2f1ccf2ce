"""segmentation-models-pytorch's decoders, built from a pyramid's channels."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

from torch import nn

Decoder = Literal["unet", "unetplusplus", "linknet", "fpn"]
Norm = Literal["batchnorm", "instancenorm", "identity"]

DEFAULT_WIDTH: dict[Decoder, int] = {"unet": 16, "unetplusplus": 16, "linknet": 32, "fpn": 128}
"""The defaults of segmentation-models-pytorch."""

FPN_LEVELS, FPN_GROUPS = 4, 32
"""The number of levels that its FPN reads (the coarsest ones), and of groups in its normalisation."""


def build(decoder: Decoder, channels: Sequence[int], blocks: int, width: int, norm: Norm) -> tuple[nn.Module, int]:
    """A decoder, and the number of channels that it returns.

    :param channels: channels of its input features, finest first; it uses only the size of the first.
    :param blocks: number of doublings from the coarsest level (not for `fpn`).
    """
    from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder
    from segmentation_models_pytorch.decoders.linknet.decoder import LinknetDecoder
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
    from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder

    widths = [width * 2**block for block in reversed(range(blocks))]
    match decoder:
        case "unet":
            return UnetDecoder(channels, widths, n_blocks=blocks, use_norm=norm), width
        case "unetplusplus":
            return UnetPlusPlusDecoder(channels, widths, n_blocks=blocks, use_norm=norm), width
        case "linknet":
            last = width if blocks == len(channels) - 1 else channels[1]
            return LinknetDecoder(list(channels), prefinal_channels=width, n_blocks=blocks, use_norm=norm), last
        case "fpn":
            made = FPNDecoder(
                list(channels), len(channels) - 1, pyramid_channels=2 * width, segmentation_channels=width
            )
            return made, width


def check(decoder: Decoder, strides: Sequence[int], width: int) -> None:
    """:raises ValueError: if the decoder cannot be built for levels of these strides."""
    if decoder not in get_args(Decoder):
        raise ValueError(f"no decoder is called '{decoder}'; known: {', '.join(get_args(Decoder))}")
    if len(strides) < 2 or any(coarse != 2 * fine for fine, coarse in pairwise(strides)):
        raise ValueError(
            f"smp_decoder needs two or more levels, each with twice the stride before it, found {tuple(strides)}"
        )
    if decoder == "fpn" and len(strides) < FPN_LEVELS:
        raise ValueError(f"fpn needs {FPN_LEVELS} levels, found {len(strides)}")
    if decoder == "unetplusplus" and len(strides) - (strides[0] == 1) < 2:
        raise ValueError(f"unetplusplus needs two or more doublings, found levels of strides {tuple(strides)}")
    if decoder == "fpn" and width % FPN_GROUPS:
        raise ValueError(f"the width of fpn must be a multiple of {FPN_GROUPS}, found {width}")
