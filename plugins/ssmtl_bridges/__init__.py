"""Bridges from the literature: Grad-CAM, cross-stitch, and a gate by another task's masks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Bridge


@hookimpl
def ssmtl_bridges() -> Mapping[str, type["Bridge"]]:
    from ssmtl_bridges.anatomical_gate import AnatomicalGate
    from ssmtl_bridges.cross_stitch import CrossStitch
    from ssmtl_bridges.grad_cam import GradCam

    return {"anatomical_gate": AnatomicalGate, "cross_stitch": CrossStitch, "grad_cam": GradCam}
