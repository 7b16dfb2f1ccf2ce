"""MultiMix (Haque, Imran, Wang and Terzopoulos, MELBA 2021) as a plugin: networks, bridges and strategies."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Backbone, Bridge, Head, Strategy


@hookimpl
def ssmtl_backbones() -> Mapping[str, type["Backbone"]]:
    from ssmtl_multimix.encoder import MultiMixEncoder

    return {"multimix_encoder": MultiMixEncoder}


@hookimpl
def ssmtl_heads() -> Mapping[str, type["Head"]]:
    from ssmtl_multimix.decoder import MultiMixDecoder

    return {"multimix_decoder": MultiMixDecoder}


@hookimpl
def ssmtl_bridges() -> Mapping[str, type["Bridge"]]:
    from ssmtl_multimix.controls import ImageOnlyBridge, RandomMapBridge
    from ssmtl_multimix.saliency import SaliencyBridge

    return {"saliency": SaliencyBridge, "random_map": RandomMapBridge, "image_only": ImageOnlyBridge}


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_multimix.fixmatch import FixMatch
    from ssmtl_multimix.kl_consistency import KLConsistency

    return {"fixmatch": FixMatch, "kl_consistency": KLConsistency}
