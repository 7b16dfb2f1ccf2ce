"""`ssmtl`: one file per command, errors shown as text."""

import atexit
import errno
import gc
import io
import os
import sys
import warnings
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ssmtl import __version__
from ssmtl.cli import (
    bench,
    bench_cost,
    check,
    evaluate,
    export,
    plugins,
    predict,
    report,
    run,
    runs,
    schema,
    tune,
    view,
)
from ssmtl.errors import DataError, RecipeError, SsmtlError, SsmtlWarning

app = typer.Typer(
    name="ssmtl",
    help="Semi-supervised multi-task learning: recipes in, trained models and honest reports out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
"""What a full disk, or one that cannot be written, says."""

NO_ROOM = (
    ". Everything saved before is intact; once there is space and permission to write, resume the run with --resume"
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
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may be anywhere on the line.")] = False,
) -> None:
    """Semi-supervised multi-task learning: recipes in, trained models and honest reports out."""


app.command("run")(run.run)
app.command("check")(check.check)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("view")(view.view)
app.add_typer(bench.app, name="bench")
bench.app.command("cost")(bench_cost.cost)
app.command("tune")(tune.tune)
app.add_typer(runs.app, name="runs")
app.command("report")(report.report)
app.command("plugins")(plugins.plugins)
app.command("schema")(schema.schema)


def main() -> None:
    """The console script.

    Exit code 2 and one message for what the user can fix; 3 where some images of a prediction failed; 75 for what saved
    and stopped; 1 otherwise.
    """
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may contain bytes that are not text
    atexit.register(gc.freeze)  # or the last collections search all objects of the libraries before the process ends
    warnings.showwarning = _warning  # type: ignore[assignment]  # fewer parameter names than typeshed's, same call
    try:
        from ssmtl.registry.plugins import add_commands

        add_commands(app)
        app([argument for argument in arguments if argument != "--debug"], prog_name="ssmtl")
    except SsmtlError as error:
        if debug:
            raise
        sys.exit(_ended(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        show(SsmtlError(_of_the_system(error)))
        sys.exit(2)
    except Exception as error:
        if debug:
            raise
        _errors().print(f"[bold red]Internal error:[/] {type(error).__name__}: ", end="")
        _errors().print(str(error), markup=False, highlight=False)
        _errors().print("This should not happen. Run again with --debug and report the traceback.")
        sys.exit(1)


def _ended(error: SsmtlError) -> int:
    """Say why the command ended; returns the exit code."""
    from ssmtl.runs.signals import STOPPED, StoppedError

    if isinstance(error, StoppedError):
        _errors().print(str(error), markup=False, highlight=False, soft_wrap=True)
        return STOPPED
    show(error)
    return 2


def _of_the_system(error: OSError) -> str:
    """What the disk or the operating system refused, and what is safe."""
    place = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{place}" + (NO_ROOM if error.errno in WRITING else "")


def _warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
    """Ours on one line, which a terminal shows wrapped between words; others as Python shows them."""
    if issubclass(category, SsmtlWarning):
        console = _errors()
        text = Text.assemble(("Warning:", "bold yellow"), f" {message}")
        console.print(text, highlight=False, soft_wrap=not console.is_terminal)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


def show(error: SsmtlError) -> None:
    """What is wrong, one line per problem, on standard error."""
    console = _errors()
    problems = [str(one) for one in error.problems] if isinstance(error, RecipeError | DataError) else [str(error)]
    head = "Error: " if len(problems) == 1 else f"{len(problems)} errors:\n"
    console.print(f"[bold red]{head}[/]", end="")
    for problem in problems:
        console.print(("" if len(problems) == 1 else "  ") + problem, markup=False, highlight=False, soft_wrap=True)


def _errors() -> Console:
    return Console(stderr=True)
