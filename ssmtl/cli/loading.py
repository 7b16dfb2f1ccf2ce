"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
Trackers = Annotated[
    list[str] | None,
    typer.Option("--tracker", metavar="NAME", help="Copy the run's curves to this program too; may be repeated."),
]
LocalPlugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file that implements hooks; may be repeated."),
]
AllowLocal = Annotated[
    bool,
    typer.Option("--allow-local-plugins", help="Run the Python files that the recipe lists under 'plugins'."),
]
