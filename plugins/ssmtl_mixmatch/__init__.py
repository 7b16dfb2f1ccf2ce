"""MixMatch (Berthelot et al., NeurIPS 2019) and ReMixMatch (Berthelot et al., ICLR 2020) as a plugin."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_mixmatch.mixmatch import MixMatch
    from ssmtl_mixmatch.remixmatch import ReMixMatch

    return {"mixmatch": MixMatch, "remixmatch": ReMixMatch}
