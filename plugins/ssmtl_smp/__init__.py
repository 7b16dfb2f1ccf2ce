"""Decoders of segmentation-models-pytorch as heads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Head


@hookimpl
def ssmtl_heads() -> Mapping[str, type["Head"]]:
    from ssmtl_smp.decoder import SmpDecoder

    return {"smp_decoder": SmpDecoder}
