"""Turns a recipe's file or name, a sources file and `--set` overrides into a `Recipe`."""

import copy
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ssmtl.errors import Problem, RecipeError, nearest
from ssmtl.recipe.differences import as_text
from ssmtl.recipe.extends import merged, read_layers
from ssmtl.recipe.models import Recipe
from ssmtl.recipe.overrides import Override, overridden
from ssmtl.recipe.said import Said, said
from ssmtl.recipe.sources_file import read_sources
from ssmtl.registry.registry import Registry
from ssmtl.validation_errors import problems_of

UNION_MEMBER = re.compile(r"float|int|str|Ramp|Init|Component|(constrained-|dict\[|literal\[|nullable\[).*")
"""What pydantic adds to an error's location to say which member of a union of types it tried."""

GIVEN = "recipe"
"""Where a recipe is from that a program gave as a dict."""


@dataclass(frozen=True)
class RecipeText:
    """A recipe's plain data, with overrides and sources merged in, and the file it came from.

    :param sets: the overrides, in order. :param sources: the sources file, if the sources are from one.
    :param said: what the files say that it was merged from, before the overrides.
    """

    content: dict[str, Any]
    where: str
    sets: tuple[Override, ...] = ()
    sources: str = ""
    said: Said | None = None

    def place(self, key: str) -> str:
        """Where a user finds this key: the `--set` that gave it, the sources file, or the recipe's file."""
        for one in reversed(self.sets):
            if one.gives(key):
                return one.shown if key == one.key else f"{one.shown}: {key}"
        within = next((f" with {one.shown}" for one in reversed(self.sets) if one.about(key)), "")
        of_sources = self.sources if key.startswith("sources.") else ""
        file = str(self.said.saying(key)) if self.said else of_sources or self.where
        return f"{file}{within}: {key.removeprefix('sources.') if file == of_sources else key}"

    def kept_weights(self) -> Iterator[str]:
        """A line for each strategy with the weight that was given to the one in whose place it is."""
        for task, spec in (self.content.get("tasks") or {}).items():
            for number, entry in enumerate(spec.get("strategies") or []):
                place = f"tasks.{task}.strategies.{number}"
                weight, before = (self.said.at(f"{place}.{key}") if self.said else None for key in ("weight", "use"))
                if not weight or not before or any(one.gives(f"{place}.weight") for one in self.sets):
                    continue
                owner, now = weight.of or before.value, entry["use"]
                if owner != now and entry["weight"] != 1:
                    yield f"{place}: {now} has the weight {as_text(entry['weight'])} of {owner}; set its own weight"

    def validated(self) -> Recipe:
        """:raises RecipeError: with every structural mistake."""
        recipe, problems = self.parsed()
        if recipe is None or problems:
            raise RecipeError(problems)
        return recipe

    def parsed(self) -> tuple[Recipe | None, list[Problem]]:
        """The recipe without its wrong keys (None if it is invalid without them), and every structural mistake."""
        try:
            return Recipe.model_validate_json(json.dumps(self.content, default=str)), []
        except ValidationError as error:
            problems = _distinct(list(problems_of(error, "", Recipe)))
            rest = _without(self.content, [problem.where.split(".") for problem in problems])
        named = [replace(problem, where=self.place(problem.where)) for problem in problems]
        try:
            return Recipe.model_validate_json(json.dumps(rest, default=str)), named
        except ValidationError:
            return None, named


def _without(content: dict[str, Any], places: list[list[str]]) -> dict[str, Any]:
    """The content without the values at these places, so that the rest can be checked too."""
    result = copy.deepcopy(content)
    for *parents, last in places:
        place: Any = result
        for part in parents:
            place = place.get(part) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    return result


def read(
    recipe: str | Mapping[str, Any],
    shipped: Registry,
    *,
    sources: str | Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    trackers: Sequence[str | Mapping[str, Any]] = (),
) -> RecipeText:
    """Find, read and overlay a recipe.

    :param recipe: a file, the name of a shipped recipe, or its content.
    :param sources: a sources file, the name of a shipped one, or its content, that replaces the recipe's own.
    :param trackers: added to the recipe's before the overrides; one with options replaces the recipe's of its name.
    :param overrides: `a.b=c`, where c is YAML; list items are addressed by number or by what they `use`.
    :raises RecipeError: if a file is missing or not YAML, or an override names a place that does not exist.
    """
    path = _find(recipe, shipped) if isinstance(recipe, str) else Path(GIVEN)
    layers = _layers(recipe, path, shipped)
    tree = merged(layers)
    if sources is not None:
        given = read_sources(sources) if isinstance(sources, str) else said(sources, path)
        tree.value["sources"] = given
    elif (known := tree.value.get("sources")) and isinstance(known.value, str):
        tree.value["sources"] = read_sources(known.value, known.file)
    content = tree.plain()
    listed = tree.value["sources"].files() - {layer.file for layer in layers} if "sources" in tree.value else ()
    sets = _add_trackers(content, trackers)
    for override in overrides:
        content, known = overridden(content, override, sets)
        sets.append(known)
    if seed is not None:
        content["seed"] = seed
    return RecipeText(content, str(path), tuple(sets), "".join(map(str, listed)), tree)


def _layers(recipe: str | Mapping[str, Any], path: Path, shipped: Registry) -> list[Said]:
    def base(name: str, file: Path) -> Path:
        beside = file.parent / name
        if os.path.isfile(beside):  # no error for a name that no file can have
            return beside
        if name in shipped:
            return _find(name, shipped)
        what = f"there is no file or recipe '{name:.80}'"
        raise RecipeError([Problem(f"{file}: extends", what, nearest(name[:80], shipped))])

    if isinstance(recipe, str):
        return read_layers(path, base)
    content = copy.deepcopy(dict(recipe))
    name = content.pop("extends", None)
    if name is None:
        return [said(content, path)]
    return [*read_layers(base(str(name), path), base), said(content, path)]


def _add_trackers(content: dict[str, Any], trackers: Sequence[str | Mapping[str, Any]]) -> list[Override]:
    """Names become mappings, so that `--set trackers.NAME.KEY=VALUE` finds them. Returns where each was added."""
    given, added = content.get("trackers") or [], []
    if not trackers or not isinstance(given, list):
        return []
    listed = content["trackers"] = [*map(_as_mapping, given)]
    for new in map(_as_mapping, trackers):
        place = next((number for number, one in enumerate(listed) if one.get("use") == new.get("use")), len(listed))
        if place == len(listed) or len(new) > 1:
            listed[place : place + 1] = [new]
            added.append(Override(f"trackers.{place}", f"--tracker {new.get('use')!s:.80}"))
    return added


def _as_mapping(named: Any) -> dict[str, Any]:
    return dict(named) if isinstance(named, Mapping) else {"use": named}


def local_plugins(text: RecipeText, allow: bool) -> list[Path]:
    """The Python files that the recipe names, relative to its own folder; their paths become absolute in the recipe.

    :raises RecipeError: if it names some and `allow` is not set, or one does not exist.
    """
    named = text.content.get("plugins")
    if not named or not isinstance(named, list):
        return []
    if not allow:
        listed = ", ".join(str(name) for name in named)
        raise RecipeError(
            [
                Problem(
                    f"{text.where}: plugins",
                    f"names Python code to run ({listed:.200})",
                    "read it; then allow it with --allow-local-plugins",
                )
            ]
        )
    place = text.said.saying("plugins") if text.said else Path(text.where)
    files = [(place.parent / str(name)).resolve() for name in named]
    for path in files:
        if not path.is_file():
            raise RecipeError([Problem(f"{text.where}: plugins", f"no file {path}")])
    text.content["plugins"] = [str(path) for path in files]
    return files


def _find(recipe: str, shipped: Registry) -> Path:
    path = Path(recipe)
    if path.is_file():
        return path
    if recipe in shipped:
        file = shipped[recipe].make
        return file if isinstance(file, Path) else Path(str(file))
    kind = "no such file" if path.suffix in (".yaml", ".yml") else "neither a file nor the name of a shipped recipe"
    raise RecipeError([Problem(recipe, kind, nearest(path.stem, shipped))])


def _distinct(problems: list[Problem]) -> list[Problem]:
    """A union of types gives one message per member; keep the first for each place, and the innermost places."""
    kept: dict[str, Problem] = {}
    for problem in problems:
        place = ".".join(part for part in problem.where.split(".") if not UNION_MEMBER.fullmatch(part))
        kept.setdefault(place, Problem(place, problem.what, problem.hint))
    return [one for place, one in kept.items() if not any(other.startswith(f"{place}.") for other in kept)]
