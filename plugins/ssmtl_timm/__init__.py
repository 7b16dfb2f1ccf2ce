"""Any timm encoder as a backbone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Backbone


@hookimpl
def ssmtl_backbones() -> Mapping[str, type["Backbone"]]:
    from ssmtl_timm.encoder import TimmEncoder

    return {"timm": TimmEncoder}
