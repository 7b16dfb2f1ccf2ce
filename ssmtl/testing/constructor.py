"""The constructor of a component: what the engine passes comes before `/`, what the recipe gives after `*`."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ssmtl.errors import PluginError
from ssmtl.registry import options as schema

Make = Callable[..., Any]


def check_options(make: Make, engine: int, options: Mapping[str, Any]) -> None:
    """The signature can become a recipe's schema, and `options` and every default fit it.

    :param engine: how many arguments the engine always passes: 0 for augmentations, 1 for every other kind.
    :param options: sample values, at least the required ones.
    """
    name = name_of(make)
    positional = []
    for parameter in inspect.signature(make).parameters.values():
        assert parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD), (
            f"{name} takes {parameter}: a component names each of its parameters"
        )
        assert parameter.kind is not parameter.POSITIONAL_OR_KEYWORD, (
            f"the parameter '{parameter.name}' of {name} is the engine's and the recipe's at once: "
            "write '/' after what the engine passes, and '*' before the options"
        )
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            positional.append(parameter.name)
    assert len(positional) == engine, (
        f"{name} has {len(positional)} parameters before '/' {positional}, expected {engine}"
    )
    try:
        model = schema.options_model(make, name)
        json.dumps(model.model_json_schema())
    except (PluginError, TypeError, ValueError) as error:
        raise AssertionError(f"the options of {name} do not make a schema: {error}") from error
    _check_fits(make, name, options)
    for option, field in model.model_fields.items():
        if not field.is_required():
            _check_fits(make, name, {**options, option: field.default})


def made(make: Make, options: Mapping[str, Any], *engine: Any, seed: int = 0) -> Any:
    """The component as the engine builds it: options checked, weights from torch's generator seeded by `seed`."""
    check_options(make, len(engine), options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return schema.build(make, name_of(make), options, *engine)


def name_of(make: Make) -> str:
    """The component's name, for messages."""
    return getattr(make, "__name__", type(make).__name__)


def _check_fits(make: Make, name: str, options: Mapping[str, Any]) -> None:
    problems = schema.check_options(make, name, options, name)
    assert not problems, f"the options {dict(options)} do not fit: {'; '.join(map(str, problems))}"
