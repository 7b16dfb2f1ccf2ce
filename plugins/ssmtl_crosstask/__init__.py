"""Strategies that join two tasks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_crosstask.jtr import JointTaskRegularization
    from ssmtl_crosstask.mtpsl import PartiallySupervised
    from ssmtl_crosstask.xtc import CrossTaskConsistency

    return {"jtr": JointTaskRegularization, "mtpsl": PartiallySupervised, "xtc": CrossTaskConsistency}
