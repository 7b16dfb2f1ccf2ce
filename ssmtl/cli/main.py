"""`ssmtl`: one file a command, errors shown as text."""

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from ssmtl import __version__
from ssmtl.cli import bench, check, evaluate, plugins, report, run, schema
from ssmtl.errors import RecipeError, SsmtlError

app = typer.Typer(
    name="ssmtl",
    help="Semi-supervised multi-task learning: recipes in, trained models and honest reports out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ssmtl {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere on the line.")] = False,
) -> None:
    """Semi-supervised multi-task learning: recipes in, trained models and honest reports out."""


app.command("run")(run.run)
app.command("check")(check.check)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(bench.app, name="bench")
app.command("report")(report.report)
app.command("plugins")(plugins.plugins)
app.command("schema")(schema.schema)


def main() -> None:
    """The console script. Exit code 2 and one message for what the user can mend; 1 for what we must."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    try:
        from ssmtl.plugins import find_plugins

        find_plugins().manager.hook.ssmtl_commands(app=app)
        app([argument for argument in arguments if argument != "--debug"], prog_name="ssmtl")
    except SsmtlError as error:
        if debug:
            raise
        show(error)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        _errors().print(f"[bold red]Internal error:[/] {type(error).__name__}: ", end="")
        _errors().print(str(error), markup=False, highlight=False)
        _errors().print("This should not happen. Run again with --debug and report the traceback.")
        sys.exit(1)


def show(error: SsmtlError) -> None:
    """What is wrong, one line a problem, on standard error."""
    console = _errors()
    problems = [str(problem) for problem in error.problems] if isinstance(error, RecipeError) else [str(error)]
    head = "Error: " if len(problems) == 1 else f"{len(problems)} errors:\n"
    console.print(f"[bold red]{head}[/]", end="")
    for problem in problems:
        console.print(("" if len(problems) == 1 else "  ") + problem, markup=False, highlight=False, soft_wrap=True)


def _errors() -> Console:
    return Console(stderr=True)
