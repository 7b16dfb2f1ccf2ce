"""Options that name another task: where the recipe leaves one out, and there is one other task, it is meant."""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from ssmtl.contracts.another_task import MARK
from ssmtl.registry.options import options_model


def others_of(place: str, tasks: Collection[str]) -> list[str]:
    """The tasks besides the one whose component is at this place, such as 'tasks.lungs.bridge'; else none."""
    parts = place.split(".")
    return [name for name in tasks if name != parts[1]] if parts[0] == "tasks" else []


def filled(
    make: Callable[..., Any], name: str, options: Mapping[str, Any], others: Collection[str]
) -> Mapping[str, Any]:
    """The component's options, with the only other task where one is required and not given.

    :param name: of the component. :param others: the tasks besides its own.
    """
    if len(others) != 1:
        return options
    (other,) = others
    lacking = {option: many for option, many in naming_tasks(make, name).items() if option not in options}
    return {**options, **{option: [other] if many else other for option, many in lacking.items()}}


def naming_tasks(make: Callable[..., Any], name: str) -> dict[str, bool]:
    """The required options that name another task, or, if true, a list of such."""
    return _naming_tasks(options_model(make, name))


@lru_cache(maxsize=1000)
def _naming_tasks(model: type[BaseModel]) -> dict[str, bool]:
    schema = model.model_json_schema()
    required = {option: schema["properties"][option] for option in schema.get("required", [])}
    found = {option: one.get("items", {}) if one.get("type") == "array" else one for option, one in required.items()}
    return {option: required[option]["type"] == "array" for option, one in found.items() if MARK in one}
