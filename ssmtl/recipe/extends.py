"""A recipe that changes another: `extends: NAME` in its file."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssmtl.errors import Problem, RecipeError, nearest
from ssmtl.recipe import yaml_file

KEY = "extends"

UNSAID = object()
"""In the place of a value that a file does not give; null is a value."""


@dataclass(frozen=True)
class Layer:
    """One file of those that a recipe is made of, and what it says itself."""

    path: Path
    own: Mapping[str, Any]


def read_layers(path: Path, find: Callable[[str, Path], Path]) -> list[Layer]:
    """The file and those that it extends, each after the one that it changes.

    :param find: the file that a name means, in the file that says so.
    :raises RecipeError: if a file is missing, not YAML, or extends itself in the end.
    """
    layers: list[Layer] = []
    while True:
        content = yaml_file.read_mapping(path)
        layers.insert(0, Layer(path, content))
        if KEY not in content:
            return layers
        name = content.pop(KEY)
        if not isinstance(name, str):
            what = f"is {name!r}; expected the name of a recipe, or a file beside this one"
            raise RecipeError([Problem(f"{path}: {KEY}", what)])
        found = find(name, path)
        known = [layer.path.resolve() for layer in layers]
        if found.resolve() in known:
            circle = " → ".join(str(layer.path) for layer in reversed(layers))
            raise RecipeError([Problem(f"{path}: {KEY}", f"goes round in a circle: {circle} → {found}")])
        path = found


def merged(layers: list[Layer]) -> dict[str, Any]:
    """What the recipe says in the end.

    :raises RecipeError: if a file changes an item of a list that is not there.
    """
    content: dict[str, Any] = {}
    for layer in layers:
        content = _over(content, layer.own, str(layer.path), "")
    return content


def saying(layers: Sequence[Layer], key: str) -> Path:
    """The last of the files that says something about a key, or else the recipe itself.

    :param key: with dots; items of lists by number.
    """
    for layer in reversed(layers):
        place: Any = layer.own
        for part in key.split("."):
            if isinstance(place, Mapping):
                place = place.get(part, place.get(int(part), UNSAID) if part.isdecimal() else UNSAID)
            elif isinstance(place, list):
                place = place[int(part)] if part.isdecimal() and int(part) < len(place) else UNSAID
        if place is not UNSAID:
            return layer.path
    return layers[-1].path


def exchanged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A component in the place of another: options are its own, a strategy's weight is the recipe's and stays."""
    kept = {"weight": old["weight"]} if "weight" in old else {}
    return {**kept, **new}


def _over(old: Mapping[str, Any], new: Mapping[str, Any], file: str, place: str) -> dict[str, Any]:
    """Mappings are merged; anything else that is new takes the place of what was there."""
    result = copy.deepcopy(dict(old))
    for key, value in new.items():
        where = f"{place}.{key}" if place else str(key)
        before = result.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            result[key] = _component(before, value, file, where)
        elif isinstance(value, Mapping) and isinstance(before, list):
            result[key] = _items(before, value, file, where)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _component(old: Mapping[str, Any], new: Mapping[str, Any], file: str, place: str) -> dict[str, Any]:
    if "use" in new and "use" in old and new["use"] != old["use"]:
        return exchanged(old, copy.deepcopy(dict(new)))
    return _over(old, new, file, place)


def _items(old: list[Any], new: Mapping[Any, Any], file: str, place: str) -> list[Any]:
    """Items of a list, by number or by what they use; the next number adds one."""
    result = copy.deepcopy(old)
    for key, value in new.items():
        where = f"{file}: {place}.{key}"
        index = _index(result, str(key), where)
        if index == len(result):
            result.append(copy.deepcopy(value))
        elif isinstance(value, Mapping) and isinstance(result[index], Mapping):
            result[index] = _component(result[index], value, file, f"{place}.{key}")
        else:
            result[index] = copy.deepcopy(value)
    return result


def _index(items: list[Any], key: str, where: str) -> int:
    if key.isdecimal() and len(key) < 10 and int(key) <= len(items):
        return int(key)
    uses = [str(item.get("use")) if isinstance(item, Mapping) else str(item) for item in items]
    if uses.count(key) == 1:
        return uses.index(key)
    what = f"no item '{key}' in the list" if key not in uses else f"there are {uses.count(key)} items '{key}'"
    raise RecipeError([Problem(where, what, nearest(key, uses) if key not in uses else "name one by its number")])
