"""Translates pydantic's errors: the key path, the value given, what was expected, the closest known name."""

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ssmtl.errors import Problem, nearest

WORDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "keys with values, such as {name: value}",
    "string_too_short": "text, and not empty",
    "model_type": "keys with values, such as {name: value}",
}
"""What was expected, by pydantic's name of the error, in words that fit YAML."""


def problems_of(error: ValidationError, where: str, model: type[BaseModel]) -> Iterator[Problem]:
    """One problem for each error, with its key under `where`.

    :param model: the model validated against; it supplies the known names.
    """
    for item in error.errors(include_url=False):
        path = [str(part) for part in item["loc"] if not str(part).startswith(("function-", "lax-or-strict", "form-"))]
        place = ".".join([where, *path]) if where else ".".join(path)
        if item["type"] == "extra_forbidden":
            known = _fields_at(model, item["loc"][:-1])
            yield Problem(place, f"unknown key '{path[-1]}'", nearest(path[-1], known))
        elif item["type"] == "missing":
            yield Problem(place, "is missing")
        else:
            found = f", found {_shown(item['input']):.80}" if path else ""  # of the whole file, the words say it
            yield Problem(place, f"{_expected(item, model)}{found}")


def _expected(item: ErrorDetails, model: type[BaseModel]) -> str:
    """What was expected, in the words of YAML: 'should be a list, such as [0.5]'."""
    kind, found = item["type"], item["input"]
    plain = isinstance(found, str | int | float) and not isinstance(found, bool)
    if kind == "model_type" and "use" in _fields_at(model, item["loc"]):
        name = found if isinstance(found, str) and found else "NAME"
        return f"should be a component, such as {{use: {name:.40}}}"
    if kind in ("list_type", "tuple_type"):
        return "should be a list" + (f", such as [{found!s:.40}]" if plain else "")
    if kind in ("too_short", "too_long"):  # pydantic's own words speak of its validation
        bound, number = ("least", "min_length") if kind == "too_short" else ("most", "max_length")
        count = item["ctx"][number]
        return f"should have at {bound} {count} item{'' if count == 1 else 's'}"
    if kind in WORDS:
        return f"should be {WORDS[kind]}"
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{message[:1].lower()}{message[1:]}"


def _shown(value: object) -> str:
    """As YAML spells it, where Python has words of its own."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _fields_at(model: Any, path: tuple[int | str, ...]) -> list[str]:
    """The field names of the model that `path` leads to, as far as the annotations show."""
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
