"""The core's own components, registered through the same hooks as a third-party plugin's."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ssmtl.hookspecs import hookimpl

if TYPE_CHECKING:
    from ssmtl.contracts.augmentation import Augmentation
    from ssmtl.contracts.balancer import Balancer
    from ssmtl.contracts.head import Head
    from ssmtl.contracts.strategy import Strategy


@hookimpl
def ssmtl_heads() -> Mapping[str, type["Head"]]:
    from ssmtl.builtins.no_output import NoOutput
    from ssmtl.builtins.pooled_linear import PooledLinear
    from ssmtl.builtins.pooled_numbers import PooledNumbers

    return {"no_output": NoOutput, "pooled_linear": PooledLinear, "pooled_numbers": PooledNumbers}


@hookimpl
def ssmtl_strategies() -> Mapping[str, type["Strategy"]]:
    from ssmtl.builtins.cross_entropy import CrossEntropy
    from ssmtl.builtins.number_error import AbsoluteError, SquaredError
    from ssmtl.builtins.soft_dice import SoftDice

    return {"cross_entropy": CrossEntropy, "mae": AbsoluteError, "mse": SquaredError, "soft_dice": SoftDice}


@hookimpl
def ssmtl_balancers() -> Mapping[str, type["Balancer"]]:
    from ssmtl.builtins.fixed import Fixed
    from ssmtl.builtins.uncertainty import Uncertainty

    return {"fixed": Fixed, "uncertainty": Uncertainty}


@hookimpl
def ssmtl_augmentations() -> Mapping[str, Callable[..., "Augmentation"]]:
    from ssmtl.builtins.identity import Identity

    return {"identity": Identity}


@hookimpl
def ssmtl_recipes() -> Mapping[str, Path]:
    from ssmtl.builtins.shipped_recipes import shipped_folder

    folder = shipped_folder()
    files = [path for path in sorted(folder.rglob("*.yaml")) if "sources" not in path.parts[len(folder.parts) :]]
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
