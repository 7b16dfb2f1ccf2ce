"""Semi-supervised segmentation: strategies from the literature."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_segmentation.cps import CrossPseudoSupervision
    from ssmtl_segmentation.unimatch import UniMatch

    return {"cps": CrossPseudoSupervision, "unimatch": UniMatch}
