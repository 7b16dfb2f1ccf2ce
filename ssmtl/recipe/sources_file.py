"""A recipe's sources in a file of their own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssmtl.builtins.shipped_recipes import shipped_folder
from ssmtl.errors import Problem, RecipeError, nearest
from ssmtl.recipe import yaml_file
from ssmtl.recipe.said import Said, said


def find_sources(wanted: str, recipe: Path | None = None) -> Path:
    """A sources file: beside the recipe, in the current folder, or shipped.

    :raises RecipeError: if there is none.
    """
    shipped = shipped_folder()
    places = [Path(wanted), shipped / wanted, shipped / "sources" / f"{wanted}.yaml"]
    if recipe is not None:
        places.insert(0, recipe.parent / wanted)
    for place in places:
        if place.is_file():
            return place
    known = [path.stem for path in (shipped / "sources").glob("*.yaml")]
    raise RecipeError([Problem(wanted, "no such sources file", nearest(Path(wanted).stem, known))])


def read_sources(wanted: str, recipe: Path | None = None) -> Said:
    """The content of a sources file.

    :raises RecipeError: if there is none, or it cannot be read.
    """
    file = find_sources(wanted, recipe)
    return said(yaml_file.read_mapping(file), file)


def changing(old: Said, new: Said) -> Said:
    """What a recipe's mapping over a sources file changes: the file's content if a source in the mapping is not whole.

    A mapping of whole sources, each with its `use`, takes the file's place.

    :raises RecipeError: if such a source is not in the file.
    """
    named: Mapping[Any, Said] = new.value
    if all(isinstance(one.value, dict) and "use" in one.value for one in named.values()):
        return old
    known = read_sources(str(old.value), old.file)
    for name, one in named.items():
        if isinstance(one.value, dict) and "use" not in one.value and name not in known.value:
            what = f"has no 'use', and there is no such source in {known.file} that it could change"
            raise RecipeError([Problem(f"{new.file}: sources.{name}", what, nearest(str(name), known.value))])
    return known
