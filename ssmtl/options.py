"""A component's keyword-only parameters become its recipe schema.

Positional-only parameters come from the engine; keyword-only parameters come from the recipe. An author writes an
ordinary typed constructor; this module reads the signature and builds the forbidding pydantic model.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ssmtl.errors import PluginError, Problem, nearest


def options_model(make: Callable[..., Any], name: str) -> type[BaseModel]:
    """The schema of a component's options.

    :raises PluginError: if a keyword-only parameter has no annotation, or the constructor takes `**anything`.
    """
    function = make.__init__ if inspect.isclass(make) else make
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(make).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            raise PluginError(f"'{name}' takes **{parameter.name}: a component names each of its options")
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        if parameter.name not in hints:
            raise PluginError(f"the option '{parameter.name}' of '{name}' has no type annotation")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=False, protected_namespaces=()
    )
    return create_model(name, __config__=config, **fields)


def check_options(make: Callable[..., Any], name: str, options: Mapping[str, Any], where: str) -> list[Problem]:
    """What is wrong with `options`, each with its key under `where`."""
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


def _validated(model: type[BaseModel], options: Mapping[str, Any]) -> BaseModel:
    """Strict, yet in JSON's types: a YAML list is a tuple where one is wanted, and the string "5" is no number."""
    return model.model_validate_json(json.dumps(options, default=str))


def problems_of(error: ValidationError, where: str, model: type[BaseModel]) -> Iterator[Problem]:
    """pydantic's errors as ours: a key path, what was found, what was expected, the nearest known name."""
    for item in error.errors(include_url=False):
        path = [str(part) for part in item["loc"] if not str(part).startswith(("function-", "lax-or-strict"))]
        place = ".".join([where, *path]) if where else ".".join(path)
        if item["type"] == "extra_forbidden":
            known = _fields_at(model, item["loc"][:-1])
            yield Problem(place, f"unknown key '{path[-1]}'", nearest(path[-1], known))
        elif item["type"] == "missing":
            yield Problem(place, "is missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            yield Problem(place, f"{message[:1].lower()}{message[1:]}, found {item['input']!r:.80}")


def _fields_at(model: Any, path: tuple[int | str, ...]) -> list[str]:
    """The field names of the model that `path` leads to, as far as annotations tell."""
    for part in path:
        annotation = model.model_fields[part].annotation if _is_model(model) and part in model.model_fields else model
        model = next((inner for inner in _inner(annotation) if _is_model(inner)), model)
    return list(model.model_fields) if _is_model(model) else []


def _inner(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _inner(argument)


def _is_model(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, BaseModel)
