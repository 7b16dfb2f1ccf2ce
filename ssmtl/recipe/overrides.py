"""`--set a.b=c`: one value of a recipe changed."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ssmtl.errors import Problem, RecipeError, nearest
from ssmtl.recipe import yaml_file
from ssmtl.recipe.extends import kept
from ssmtl.recipe.removal import removable

WORDS_TOO = re.compile(r"trackers|tasks\.[^.]+\.metrics")
"""Lists of components in which a word is short for `{use: WORD}`."""


@dataclass(frozen=True)
class Override:
    """:param key: of the value that was set, list items by number. :param shown: the override, for messages."""

    key: str
    shown: str

    def gives(self, key: str) -> bool:
        """Whether it sets this key, or something that the key is in."""
        return f"{key}.".startswith(f"{self.key}.")

    def about(self, key: str) -> bool:
        """Whether it sets something in this key, or names the component whose option the key is."""
        whole, _, last = self.key.rpartition(".")
        return self.key.startswith(f"{key}.") or (last == "use" and key.startswith(f"{whole}."))


def overridden(
    content: dict[str, Any], override: str, earlier: Sequence[Override] = ()
) -> tuple[dict[str, Any], Override]:
    """A copy of the content with one value changed.

    A written `null` takes away a key that cannot be null, so that its default counts.
    Where `use` names another component, the options of the one before go, but for those that an override gave.

    :param earlier: overrides, already in `content`.
    :raises RecipeError: if the override is not `KEY=VALUE`, or names a place that does not exist.
    """
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise RecipeError([Problem(f"--set {override:.200}", "should be KEY=VALUE, such as train.steps=100")])
    if name.count(".") >= yaml_file.MAX_DEPTH:
        what = f"names a place {name.count('.') + 1:,} levels deep; expected at most {yaml_file.MAX_DEPTH}"
        raise RecipeError([Problem(f"--set {override:.80}…", what)])
    shown = f"--set {override:.120}{'…' if len(override) > 120 else ''}"
    value = yaml_file.parse(text, shown) if text else None
    result = copy.deepcopy(content)
    place: Any = result
    *parents, last = name.split(".")
    _check_known(content, [*parents, last], shown)
    keys: list[str] = []
    for position, part in enumerate(parents):
        where = f"{shown}: {'.'.join(parents[: position + 1])}"
        keys.append(_key(place, part, where))
        place = _step(place, part, where, bool(WORDS_TOO.fullmatch(".".join(keys[:-1]))))
    keys.append(_key(place, last, shown))
    if isinstance(place, list):
        place[int(keys[-1])] = value
    elif value is None and text and removable(keys):
        if last not in place:
            what = f"null takes away what the recipe says, and that has no '{last}' here"
            raise RecipeError([Problem(shown, what, nearest(last, map(str, place)))])
        del place[last]
    else:
        if last == "use" and place.get("use") not in (None, value):
            _exchange(place, ".".join(keys[:-1]), earlier)
        place[last] = value
    return result, Override(".".join(keys), shown)


def _exchange(component: dict[str, Any], where: str, earlier: Sequence[Override]) -> None:
    given = {one.key.removeprefix(f"{where}.").split(".")[0] for one in earlier if one.key.startswith(f"{where}.")}
    for key in set(component) - given - kept(component):
        del component[key]


def _check_known(content: Mapping[str, Any], keys: list[str], shown: str) -> None:
    """A key of a task or source that is not there is a misspelt name; a whole new one may be given as a mapping."""
    kind, known = {"tasks": "task", "sources": "source"}.get(keys[0]), content.get(keys[0])
    if kind and len(keys) > 2 and isinstance(known, dict) and keys[1] not in known:
        raise RecipeError([Problem(shown, f"no {kind} is called '{keys[1]}'", nearest(keys[1], map(str, known)))])


def _key(place: Any, part: str, where: str) -> str:
    """The part of the key as errors name it: list items by number."""
    return str(_index(place, part, where)) if isinstance(place, list) else part


def _step(place: Any, part: str, where: str, words: bool) -> Any:
    """The mapping or list at one part of the key. :param words: whether a word in this list may get options."""
    key: Any = _index(place, part, where) if isinstance(place, list) else part
    inner = place[key] if isinstance(place, list) else place.get(key)
    if inner is None and not isinstance(place, list):
        inner = place[key] = {}
    elif words and isinstance(inner, str):
        inner = place[key] = {"use": inner}
    if not isinstance(inner, dict | list):
        raise RecipeError([Problem(where, f"is {inner!r:.80}, which has no keys")])
    return inner


def _index(items: list[Any], part: str, where: str) -> int:
    if part.isdecimal() and len(part) < 10 and int(part) < len(items):
        return int(part)
    uses = [item.get("use") if isinstance(item, Mapping) else item for item in items]
    if uses.count(part) > 1:
        raise RecipeError([Problem(where, f"there are {uses.count(part)} items '{part}'", "name one by its number")])
    if part in uses:
        return uses.index(part)
    raise RecipeError([Problem(where, f"no item '{part}' in the list", nearest(part, [str(use) for use in uses]))])
