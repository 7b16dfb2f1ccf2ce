"""A component's keyword-only parameters become its recipe schema.

Positional-only parameters come from the engine; keyword-only parameters come from the recipe. An author writes an
ordinary typed constructor; this module reads the signature and builds a pydantic model that forbids
unknown keys.
"""

import inspect
import json
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import PydanticSerializationError

from ssmtl.errors import PluginError, Problem
from ssmtl.registry.blame import file_of
from ssmtl.validation_errors import problems_of


def options_model(make: Callable[..., Any], name: str) -> type[BaseModel]:
    """The schema of a component's options.

    :raises PluginError: if a keyword-only parameter has no annotation or one that no recipe could fill, or the
        constructor takes `**anything`.
    """
    return _remembered(make, name) if isinstance(make, Hashable) else _read(make, name)


def _read(make: Callable[..., Any], name: str) -> type[BaseModel]:
    function = make.__init__ if inspect.isclass(make) else make
    try:
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(make).parameters.values()
    except Exception as error:  # an annotation may be any code
        raise PluginError(f"the options of '{name}' ({file_of(make)}) cannot be read: {error!r}") from error
    fields: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            raise PluginError(f"'{name}' takes **{parameter.name}: a component names each of its options")
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        if parameter.name not in hints:
            raise PluginError(f"the option '{parameter.name}' of '{name}' has no type annotation")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=False,
        protected_namespaces=(),
    )
    try:
        return create_model(name, __config__=config, **fields)
    except Exception as error:  # pydantic's errors for types and names that it has no schema for
        raise PluginError(f"the options of '{name}' ({file_of(make)}) cannot be read: {error!r:.600}") from error


_remembered = lru_cache(maxsize=1000)(_read)
"""A recipe's components are asked for their options at every turn."""


def check_options(make: Callable[..., Any], name: str, options: Mapping[str, Any], where: str) -> list[Problem]:
    """The problems with `options`, each with its key under `where`."""
    model = options_model(make, name)
    try:
        _validated(model, options)
    except ValidationError as error:
        return list(problems_of(error, where, model))
    return []


def build(make: Callable[..., Any], name: str, options: Mapping[str, Any], *engine: Any) -> Any:
    """The component: `engine` goes to the positional parameters, validated `options` to the keyword-only ones."""
    model = _validated(options_model(make, name), options)
    return make(*engine, **{field: getattr(model, field) for field in type(model).model_fields})


def resolved_options(make: Callable[..., Any], name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` and the defaults of all others, as plain data in the order of the signature.

    :raises ValidationError: if `options` do not fit.
    :raises PluginError: for a default that does not fit its own annotation, or is not plain data.
    """
    model = options_model(make, name)
    given = _validated(model, options)
    try:
        content: dict[str, Any] = given.model_dump(mode="json", warnings=False)
        _validated(model, content)
    except ValidationError as error:
        problem = next(problems_of(error, "", model))
        what = f"the default of the option '{problem.where}' does not fit its annotation: {problem.what}"
        raise PluginError(f"'{name}' ({file_of(make)}): {what}") from error
    except (PydanticSerializationError, TypeError) as error:
        raise PluginError(f"the options of '{name}' ({file_of(make)}) have a default that is no plain data") from error
    return content


def _validated(model: type[BaseModel], options: Mapping[str, Any]) -> BaseModel:
    """Strict, but with JSON's types: a YAML list may become a tuple, and the string "5" is not a number."""
    return model.model_validate_json(json.dumps(options, default=str))
