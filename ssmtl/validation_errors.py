"""Translates pydantic's errors: the key path, the value given, what was expected, the closest known name."""

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from ssmtl.errors import Problem, nearest


def problems_of(error: ValidationError, where: str, model: type[BaseModel]) -> Iterator[Problem]:
    """One problem for each error, with its key under `where`.

    :param model: the model validated against; it supplies the known names.
    """
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
