"""Balancers of the tasks' losses: dynamic, random, geometric and smooth Tchebycheff weights, FAMO, GradNorm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Balancer


@hookimpl
def ssmtl_balancers() -> Mapping[str, type["Balancer"]]:
    from ssmtl_balancers.dwa import DynamicWeightAverage
    from ssmtl_balancers.famo import Famo
    from ssmtl_balancers.gls import GeometricLoss
    from ssmtl_balancers.gradnorm import GradNorm
    from ssmtl_balancers.rlw import RandomLossWeighting
    from ssmtl_balancers.stch import SmoothTchebycheff

    return {
        "dwa": DynamicWeightAverage,
        "famo": Famo,
        "gls": GeometricLoss,
        "gradnorm": GradNorm,
        "rlw": RandomLossWeighting,
        "stch": SmoothTchebycheff,
    }
