"""Numbers from labelled and unlabelled images: Mean Teacher's consistency."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_regression.number_consistency import NumberConsistency

    return {"number_consistency": NumberConsistency}
