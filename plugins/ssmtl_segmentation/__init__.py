"""Semi-supervised segmentation: strategies from the literature."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Strategy


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl_segmentation.bcp import BidirectionalCopyPaste
    from ssmtl_segmentation.cct import CrossConsistency
    from ssmtl_segmentation.classmix_seg import ClassMixSegmentation
    from ssmtl_segmentation.cps import CrossPseudoSupervision
    from ssmtl_segmentation.cutmix_seg import CutMixSegmentation
    from ssmtl_segmentation.dense_fixmatch import DenseFixMatch
    from ssmtl_segmentation.dtc import DualTaskConsistency
    from ssmtl_segmentation.mc_net import MutualConsistency
    from ssmtl_segmentation.ua_mt import UncertaintyAwareMeanTeacher
    from ssmtl_segmentation.unimatch import UniMatch
    from ssmtl_segmentation.unimatch_v2 import UniMatchV2
    from ssmtl_segmentation.urpc import UncertaintyRectifiedPyramid

    return {
        "bcp": BidirectionalCopyPaste,
        "cct": CrossConsistency,
        "classmix_seg": ClassMixSegmentation,
        "cps": CrossPseudoSupervision,
        "cutmix_seg": CutMixSegmentation,
        "dense_fixmatch": DenseFixMatch,
        "dtc": DualTaskConsistency,
        "mc_net": MutualConsistency,
        "ua_mt": UncertaintyAwareMeanTeacher,
        "unimatch": UniMatch,
        "unimatch_v2": UniMatchV2,
        "urpc": UncertaintyRectifiedPyramid,
    }
