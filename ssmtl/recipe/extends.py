"""A recipe that changes another: `extends: NAME` in its file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssmtl.errors import Problem, RecipeError, nearest
from ssmtl.recipe import yaml_file
from ssmtl.recipe.removal import removable
from ssmtl.recipe.said import Said, said
from ssmtl.recipe.sources_file import changing

KEY = "extends"

UNSAID = object()
"""In the place of a value that a file does not give; null is a value."""

NULL = Said(None, Path())


def read_layers(path: Path, find: Callable[[str, Path], Path]) -> list[Said]:
    """The file and those that it extends, each after the one that it changes.

    :param find: the file that a name means, in the file that says so.
    :raises RecipeError: if a file is missing, not YAML, or extends itself in the end.
    """
    layers: list[Said] = []
    while True:
        content = yaml_file.read_mapping(path)
        name = content.pop(KEY, UNSAID)
        layers.insert(0, said(content, path))
        if name is UNSAID:
            return layers
        if not isinstance(name, str):
            what = f"is {name!r}; expected the name of a recipe, or a file beside this one"
            raise RecipeError([Problem(f"{path}: {KEY}", what)])
        found = find(name, path)
        known = [layer.file.resolve() for layer in layers]
        if found.resolve() in known:
            circle = " → ".join(str(layer.file) for layer in reversed(layers))
            raise RecipeError([Problem(f"{path}: {KEY}", f"goes round in a circle: {circle} → {found}")])
        path = found


def merged(layers: Sequence[Said]) -> Said:
    """What the recipe says in the end.

    :raises RecipeError: if a file changes an item of a list that is not there, or takes away what is not.
    """
    result = layers[0]
    for layer in layers[1:]:
        result = _over(result, layer, ())
    return result


def kept(old: Mapping[str, Any]) -> set[str]:
    """The keys of a component that stay if another takes its place: a strategy's weight, which is the recipe's."""
    return {"weight"} & set(old)


def _over(old: Said, new: Said, place: tuple[str, ...]) -> Said:
    """Mappings are merged; null takes away; anything else that is new takes the place of what was there."""
    result = dict(old.value)
    for key, one in new.value.items():
        keys = (*place, str(key))
        if one.value is None and removable(keys):
            if key not in result:
                what = f"null takes away what the extended recipe says, and that has no '{key}' here"
                raise RecipeError([Problem(f"{new.file}: {'.'.join(keys)}", what, nearest(str(key), map(str, result)))])
            del result[key]
        else:
            result[key] = _changed(result[key], one, keys) if key in result else one
    return Said(result, new.file)


def _changed(old: Said, new: Said, place: tuple[str, ...]) -> Said:
    if not isinstance(new.value, dict):
        return new
    if place == ("sources",) and isinstance(old.value, str):
        old = changing(old, new)
    if isinstance(old.value, list):
        return new if "use" in new.value else _items(old, new, place)
    if not isinstance(old.value, dict):
        return new
    before, after = (one.value["use"].value if "use" in one.value else None for one in (old, new))
    if None not in (before, after) and before != after:
        left = {key: old.value[key] for key in kept(old.value) if (new.value.get(key) or NULL).value is None}
        old = Said({key: Said(one.value, one.file, one.of or str(before)) for key, one in left.items()}, old.file)
    return _over(old, new, place)


def _items(old: Said, new: Said, place: tuple[str, ...]) -> Said:
    """Items of a list, by number or by what they use; the next number adds one, null takes one away."""
    result: list[Said] = list(old.value)
    gone: set[int] = set()
    for key, one in new.value.items():
        keys = (*place, str(key))
        index = _index([item.plain() for item in result], str(key), f"{new.file}: {'.'.join(keys)}", one.value is None)
        if one.value is None:
            gone.add(index)
        elif index == len(result):
            result.append(one)
        else:
            result[index] = _changed(result[index], one, (*place, str(index)))
    return Said([item for number, item in enumerate(result) if number not in gone], new.file)


def _index(items: list[Any], key: str, where: str, present: bool) -> int:
    """:param present: whether the item must be there; or it may be the next one."""
    if key.isdecimal() and len(key) < 10 and int(key) <= len(items) - present:
        return int(key)
    uses = [str(item.get("use")) if isinstance(item, Mapping) else str(item) for item in items]
    if uses.count(key) == 1:
        return uses.index(key)
    what = f"no item '{key}' in the list" if key not in uses else f"there are {uses.count(key)} items '{key}'"
    raise RecipeError([Problem(where, what, nearest(key, uses) if key not in uses else "name one by its number")])
