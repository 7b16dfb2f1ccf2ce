"""Arguments that several commands share, and how they become an experiment."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ssmtl.experiment.experiment import Experiment
    from ssmtl.recipe.load import RecipeText
    from ssmtl.recipe.models import Recipe
    from ssmtl.registry.plugins import Plugins

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="A recipe file, or the name of a shipped one, such as multimix.", show_default=False
    ),
]
Sources = Annotated[
    str | None,
    typer.Option(
        "--sources", metavar="FILE|NAME", help="A sources file, or the name of a shipped one, instead of the recipe's."
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, such as train.steps=100; may be repeated."),
]


def named_path(text: str) -> Path:
    """:raises typer.BadParameter: for an empty name, which Python takes for the current folder."""
    if not text.strip():
        raise typer.BadParameter("it is empty; expected a path ('.' is the current folder)")
    return Path(text)


Seed = Annotated[
    int | None, typer.Option("--seed", metavar="NUMBER", help="A seed instead of the recipe's.", min=0, max=2**63 - 1)
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        parser=named_path,
        help="The folder of the sources' relative roots; else SSMTL_DATA, else this folder.",
    ),
]
LocalPlugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file that implements hooks; may be repeated."),
]
AllowLocal = Annotated[
    bool,
    typer.Option("--allow-local-plugins", help="Run the Python files that the recipe lists under 'plugins'."),
]


@dataclass(frozen=True)
class Loaded:
    """A recipe whose names and values are valid, with every default written out.

    :param local: local plugin files. :param text: what was read.
    """

    recipe: "Recipe"
    plugins: "Plugins"
    local: tuple[Path, ...]
    text: "RecipeText"

    @property
    def where(self) -> str:
        """The recipe's file."""
        return self.text.where

    def assembled(self, pretrained: bool = True) -> "Experiment":
        """:param pretrained: as in `ssmtl.experiment.assemble.assemble`.

        :raises RecipeError: with every error that shows when it is put together.
        """
        from ssmtl.experiment.assemble import assemble

        return assemble(self.recipe, self.plugins, self.text.place, pretrained=pretrained)


def load(
    recipe: str,
    sources: str | None,
    overrides: list[str] | None,
    seed: int | None,
    local: list[Path] | None,
    allow: bool,
) -> Loaded:
    """Find, read and check a recipe.

    :param local: plugin files. :param allow: whether the recipe may list more of them.
    :raises RecipeError: with every error in the recipe.
    """
    from ssmtl.errors import RecipeError
    from ssmtl.experiment.check_names import check_names
    from ssmtl.recipe.defaults import resolved
    from ssmtl.recipe.load import local_plugins, read
    from ssmtl.registry.plugins import load_plugins

    files = list(local or ())
    plugins = load_plugins(files)
    text = read(recipe, plugins["recipe"], sources=sources, overrides=overrides or (), seed=seed)
    given = {path.resolve() for path in files}
    own = [path for path in local_plugins(text, allow) if path not in given]
    if own:
        files += own
        plugins = load_plugins(files)
    parsed, problems = text.parsed()
    more = check_names(parsed, plugins) if parsed is not None else []
    if problems or more or parsed is None:
        raise RecipeError([*problems, *(replace(one, where=text.place(one.where)) for one in more)])
    return Loaded(resolved(parsed, plugins), plugins, tuple(files), text)
