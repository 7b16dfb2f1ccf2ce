"""Methods from the literature: FlexMatch, UniMatch, cross pseudo supervision, partially supervised tasks, CORAL."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Head, Strategy


@hookimpl
def ssmtl_heads() -> Mapping[str, type["Head"]]:
    from ssmtl_methods.ordinal_linear import OrdinalLinear

    return {"ordinal_linear": OrdinalLinear}


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_methods.coral import Coral
    from ssmtl_methods.cps import CrossPseudoSupervision
    from ssmtl_methods.flexmatch import FlexMatch
    from ssmtl_methods.mtpsl import PartiallySupervised
    from ssmtl_methods.unimatch import UniMatch

    return {
        "coral": Coral,
        "cps": CrossPseudoSupervision,
        "flexmatch": FlexMatch,
        "mtpsl": PartiallySupervised,
        "unimatch": UniMatch,
    }
