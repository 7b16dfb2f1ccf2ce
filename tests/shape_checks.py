"""The checker that jaxtyping's import hook puts around every function of ssmtl and its plugins in tests."""

from collections.abc import Callable
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """beartype only for annotations with a shape: it refuses protocols, which many contracts are."""
    own = {name: hint if _has_shape(hint) else Any for name, hint in getattr(function, "__annotations__", {}).items()}
    if all(hint is Any for hint in own.values()):
        return function
    function.__annotations__ = own
    return beartype(function)


def _has_shape(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(_has_shape(inner) for inner in get_args(hint))
