"""TorchJD's aggregators as balancers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Balancer


@hookimpl
def ssmtl_balancers() -> Mapping[str, type["Balancer"]]:
    from ssmtl_torchjd import named
    from ssmtl_torchjd.aggregated import Aggregated

    return {
        "torchjd": Aggregated,
        "aligned_mtl": named.AlignedMtl,
        "cagrad": named.CaGrad,
        "imtl_g": named.ImtlG,
        "mgda": named.MultipleGradientDescent,
        "nash_mtl": named.NashMtl,
        "pcgrad": named.PcGrad,
        "upgrad": named.UpGrad,
    }
