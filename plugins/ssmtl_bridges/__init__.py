"""Bridges from the literature: maps of where a classifier looks, features that tasks exchange, masks on features."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Bridge


@hookimpl
def ssmtl_bridges() -> Mapping[str, type["Bridge"]]:
    from ssmtl_bridges.anatomical_crop import AnatomicalCrop
    from ssmtl_bridges.anatomical_gate import AnatomicalGate
    from ssmtl_bridges.cross_stitch import CrossStitch
    from ssmtl_bridges.grad_cam import GradCam
    from ssmtl_bridges.mtan import AttentionMasks
    from ssmtl_bridges.nddr import DiscriminativeReduction
    from ssmtl_bridges.pad_net import PadNet
    from ssmtl_bridges.smooth_grad import SmoothGrad

    return {
        "anatomical_crop": AnatomicalCrop,
        "anatomical_gate": AnatomicalGate,
        "cross_stitch": CrossStitch,
        "grad_cam": GradCam,
        "mtan": AttentionMasks,
        "nddr": DiscriminativeReduction,
        "pad_net": PadNet,
        "smooth_grad": SmoothGrad,
    }
