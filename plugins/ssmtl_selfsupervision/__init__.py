"""Self-supervision: what the network learns from unlabelled images without any label or pseudo-label."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_selfsupervision.contrastive import Contrastive
    from ssmtl_selfsupervision.masked_image import MaskedImage

    return {"contrastive": Contrastive, "masked_image": MaskedImage}
