"""TorchJD's aggregators as balancers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Balancer


@hookimpl
def ssmtl_balancers() -> Mapping[str, type["Balancer"]]:
    from ssmtl_torchjd.aggregated import Aggregated

    return {"torchjd": Aggregated}
