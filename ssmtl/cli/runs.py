"""`ssmtl runs`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer.core import TyperGroup


class ListingByDefault(TyperGroup):
    """`ssmtl runs [FOLDER]` is `ssmtl runs list [FOLDER]`; a folder called 'diff' is given as './diff'."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # click's own type
        """Put the command in front if none is named."""
        named = args and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if named else ["list", *args])


app = typer.Typer(cls=ListingByDefault, help="List runs (ssmtl runs FOLDER), or compare two (ssmtl runs diff RUN RUN).")


@app.command("list")
def list_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="With runs in it or below it.")] = Path("runs"),
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="KEY=VALUE",
            help="Only such runs: seed=3, state=finished, optimizer.lr=1e-4, recipe='u*'.",
        ),
    ] = None,
    sort: Annotated[str, typer.Option("--sort", metavar="KEY", help="Of a column or of the recipe.")] = "date",
    reverse: Annotated[bool, typer.Option("--reverse", help="The largest first.")] = False,
    show: Annotated[
        list[str] | None, typer.Option("--show", metavar="KEY", help="A column to show first; may be repeated.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV table with all metrics.")] = False,
) -> None:
    """List runs: finished, unfinished, running and broken ones, with their metrics. The default command."""
    from ssmtl.cli.runs_table import print_runs, write_csv
    from ssmtl.runs.chosen import check_key, filtered, ordered
    from ssmtl.runs.listing import list_runs

    runs = list_runs(folder)
    for key in show or ():
        check_key("--show", key, runs)
    chosen = ordered(filtered(runs, filters or ()), sort, reverse=reverse) if runs else []
    if as_csv:
        write_csv(sys.stdout, chosen, show or ())
    else:
        print_runs(Console(), folder, chosen, len(runs), [*(show or ()), sort])


@app.command("diff")
def diff(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Another.", show_default=False)],
) -> None:
    """Show where two runs differ: in their resolved recipes, code, data and results."""
    from ssmtl.cli.runs_table import print_differences
    from ssmtl.runs.compared import compare_runs

    print_differences(Console(), (first, second), compare_runs(first, second))
