"""segmentation-models-pytorch's decoders, built from a pyramid's channels."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

from torch import nn

Decoder = Literal[
    "unet", "unetplusplus", "manet", "linknet", "fpn", "pan", "deeplabv3", "deeplabv3plus", "pspnet", "upernet",
    "segformer", "dpt",
]  # fmt: skip
Norm = Literal["batchnorm", "instancenorm", "identity"]

DEFAULT_WIDTH: dict[Decoder, int] = {
    "unet": 16, "unetplusplus": 16, "manet": 16, "linknet": 32, "fpn": 128, "pan": 32, "deeplabv3": 256,
    "deeplabv3plus": 256, "pspnet": 512, "upernet": 256, "segformer": 256, "dpt": 256,
}  # fmt: skip
"""The defaults of segmentation-models-pytorch."""

STEPWISE = ("unet", "unetplusplus", "manet", "linknet")
"""They read every level, and double the size from each to the next."""

COARSEST = ("fpn", "pan", "upernet", "segformer", "dpt")
"""They read the four coarsest levels."""

MOST, FPN_GROUPS = 4, 32
"""The number of levels that those read, and of groups in the normalisation of `fpn`."""

OWN_NORM = ("pan", "deeplabv3", "deeplabv3plus", "segformer", "dpt")
"""They have batch normalisation, whatever `norm` is."""

DPT_WIDTHS, DPT_STRIDES = (1, 2, 4, 4), (4, 8, 16, 32)
RATES, DROPOUT = (12, 24, 36), {"deeplab": 0.5, "pspnet": 0.2}
"""Defaults of segmentation-models-pytorch: channels of the levels of DPT, by its width; dilations; dropout."""

PSP_PARTS, PSP_STRIDE = 4, 8
"""PSPNet divides its channels among poolings of four sizes; there it reads images at an eighth of their size."""


def levels_of(decoder: Decoder, strides: Sequence[int]) -> tuple[int, ...]:
    """The places of the levels that a decoder reads, finest first.

    `deeplabv3plus` reads the deepest and that of stride 4, else the finest coarser one (the finest if there is none);
    `pspnet` that of stride 8, else the deepest finer one; `deeplabv3` the deepest.
    """
    every = tuple(range(len(strides)))
    if decoder in COARSEST:
        return every[-MOST:]
    if decoder == "deeplabv3":
        return every[-1:]
    if decoder == "deeplabv3plus":
        fine = next((place for place in every if strides[place] >= DPT_STRIDES[0]), 0)
        return (fine if fine < every[-1] else 0, every[-1])
    if decoder == "pspnet":
        return tuple(place for place in every if strides[place] <= PSP_STRIDE)[-1:] or every[:1]
    return every


def build(
    decoder: Decoder, channels: Sequence[int], strides: Sequence[int], width: int, norm: Norm
) -> tuple[nn.Module, int]:
    """A decoder, and the number of channels that it returns.

    :param channels, strides: of the levels that it reads, finest first. What it expects before them are stand-ins for
        the image, of which it uses the size at most.
    """
    from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3Decoder, DeepLabV3PlusDecoder
    from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder
    from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder
    from segmentation_models_pytorch.decoders.linknet.decoder import LinknetDecoder
    from segmentation_models_pytorch.decoders.manet.decoder import MAnetDecoder
    from segmentation_models_pytorch.decoders.pan.decoder import PANDecoder
    from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder
    from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
    from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder
    from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

    given, count = [0] * stand_ins(decoder) + [*channels], len(channels)
    blocks = count - (strides[0] == 1)
    widths = [width * 2**block for block in reversed(range(blocks))]
    match decoder:
        case "unet":
            return UnetDecoder(given, widths, n_blocks=blocks, use_norm=norm), width
        case "unetplusplus":
            return UnetPlusPlusDecoder(given, widths, n_blocks=blocks, use_norm=norm), width
        case "manet":
            return MAnetDecoder(given, widths, n_blocks=blocks, use_norm=norm), width
        case "linknet":
            last = width if blocks == count else channels[0]
            return LinknetDecoder(given, prefinal_channels=width, n_blocks=blocks, use_norm=norm), last
        case "fpn":
            return FPNDecoder(given, count, pyramid_channels=2 * width, segmentation_channels=width), width
        case "pan":
            return PANDecoder(given, count + 1, width), width
        case "deeplabv3":
            return DeepLabV3Decoder(channels[-1], width, RATES, False, DROPOUT["deeplab"]), width
        case "deeplabv3plus":
            made = DeepLabV3PlusDecoder(given, count + 1, width, RATES, 16, True, DROPOUT["deeplab"])
            made.up = nn.UpsamplingBilinear2d(scale_factor=strides[-1] // strides[0])
            return made, width
        case "pspnet":
            return PSPDecoder([multiple(channels[-1])], norm, width, DROPOUT["pspnet"]), width
        case "upernet":
            return UPerNetDecoder(given, count + 1, width, norm), width
        case "segformer":
            return SegformerDecoder(given, count, width), width
        case "dpt":
            return DPTDecoder(channels, DPT_STRIDES, False, "ignore", [width * by for by in DPT_WIDTHS], width), width


def stand_ins(decoder: Decoder) -> int:
    """How many features a decoder expects before the levels: the image, and with some one of stride 2."""
    if decoder in ("deeplabv3", "pspnet", "dpt"):
        return 0
    return 2 if decoder in ("pan", "upernet", "deeplabv3plus") else 1


def multiple(channels: int) -> int:
    """The next multiple of PSPNet's parts."""
    return -(-channels // PSP_PARTS) * PSP_PARTS


def check(decoder: Decoder, strides: Sequence[int], width: int, norm: Norm) -> None:
    """:raises ValueError: if the decoder cannot be built for levels of these strides."""
    if decoder not in get_args(Decoder):
        raise ValueError(f"no decoder is called '{decoder}'; known: {', '.join(get_args(Decoder))}")
    found = f"found {tuple(strides)}"
    needed = {"fpn": MOST, "dpt": MOST, "deeplabv3": 1, "pspnet": 1}.get(decoder, 2)
    if len(strides) == 1 < needed:
        raise ValueError(f"{decoder} needs {needed} or more levels, {found}; pspnet and deeplabv3 read a single one")
    doubles = all(coarse == 2 * fine for fine, coarse in pairwise(strides[-MOST:] if decoder in COARSEST else strides))
    if decoder in (*STEPWISE, "fpn", "dpt") and not doubles:
        raise ValueError(f"{decoder} needs two or more levels, each with twice the stride before it, {found}")
    if len(strides) < needed:
        raise ValueError(f"{decoder} needs {needed} levels, found {len(strides)}")
    if decoder == "unetplusplus" and len(strides) - (strides[0] == 1) < 2:
        raise ValueError(f"unetplusplus needs two or more doublings, {found}")
    if decoder == "fpn" and width % FPN_GROUPS:
        raise ValueError(f"the width of fpn must be a multiple of {FPN_GROUPS}, found {width}")
    if decoder == "fpn" and norm != "batchnorm":
        raise ValueError(f"norm: {norm} does nothing in fpn, which has group norm; set the recipe's norm")
    if decoder in OWN_NORM and norm != "batchnorm":
        raise ValueError(f"norm: {norm} does nothing in {decoder}, which has batch norm; set the recipe's norm")
    if decoder == "upernet" and norm == "instancenorm":
        raise ValueError("norm: instancenorm cannot be in upernet, which normalises single pixels; set norm: batchnorm")
