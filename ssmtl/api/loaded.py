"""A recipe that was found, read and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ssmtl.api.given_plugins import GivenPlugin, files_among, plugins_with
from ssmtl.errors import RecipeError, warn
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.check_names import check_names
from ssmtl.experiment.experiment import Experiment
from ssmtl.recipe.defaults import resolved
from ssmtl.recipe.load import RecipeText, local_plugins, read
from ssmtl.recipe.models import Recipe
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.trackers import check_trackers


@dataclass(frozen=True)
class Loaded:
    """A recipe whose names and values are valid, with every default written out.

    :param local: local plugin files. :param text: what was read.
    """

    recipe: Recipe
    plugins: Plugins
    local: tuple[Path, ...]
    text: RecipeText

    @property
    def where(self) -> str:
        """The recipe's file."""
        return self.text.where

    def assembled(self, pretrained: bool = True) -> Experiment:
        """:param pretrained: as in `ssmtl.experiment.assemble.assemble`.

        :raises RecipeError: with every error that shows when it is put together.
        """
        return assemble(self.recipe, self.plugins, self.text.place, pretrained=pretrained)


def load_recipe(
    recipe: str | Mapping[str, Any],
    sources: str | Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    plugins: Sequence[GivenPlugin] = (),
    allow: bool = False,
    trackers: Sequence[str | Mapping[str, Any]] = (),
) -> Loaded:
    """Find, read and check a recipe.

    :param allow: whether the recipe may list plugin files of its own. :param trackers: besides the recipe's.
    :raises RecipeError: with every error in the recipe.
    """
    files = files_among(plugins)
    known = plugins_with(plugins, files)
    text = read(recipe, known["recipe"], sources=sources, overrides=overrides, seed=seed, trackers=trackers)
    given = {path.resolve() for path in files}
    own = [path for path in local_plugins(text, allow) if path not in given]
    if own:
        files += own
        known = plugins_with(plugins, files)
    parsed, problems = text.parsed()
    more = [*check_names(parsed, known), *check_trackers(parsed, known)] if parsed is not None else []
    if problems or more or parsed is None:
        raise RecipeError([*problems, *(replace(one, where=text.place(one.where)) for one in more)])
    for line in text.kept_weights():
        warn(line)
    return Loaded(resolved(parsed, known), known, tuple(files), text)
