"""Strategies from the literature: FlexMatch, UniMatch, cross pseudo supervision, partially supervised tasks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_methods.cps import CrossPseudoSupervision
    from ssmtl_methods.flexmatch import FlexMatch
    from ssmtl_methods.mtpsl import PartiallySupervised
    from ssmtl_methods.unimatch import UniMatch

    return {
        "cps": CrossPseudoSupervision,
        "flexmatch": FlexMatch,
        "mtpsl": PartiallySupervised,
        "unimatch": UniMatch,
    }
