"""Classes in an order: CORAL and its head."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Head, Strategy


@hookimpl
def ssmtl_heads() -> Mapping[str, type["Head"]]:
    from ssmtl_ordinal.ordinal_linear import OrdinalLinear

    return {"ordinal_linear": OrdinalLinear}


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_ordinal.coral import Coral

    return {"coral": Coral}
