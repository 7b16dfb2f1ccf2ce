"""MixMatch (Berthelot et al., NeurIPS 2019) as a plugin."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_mixmatch.mixmatch import MixMatch

    return {"mixmatch": MixMatch}
