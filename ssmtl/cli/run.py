"""`ssmtl run`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ssmtl.cli.loading import AllowLocal, DataRoot, LocalPlugins, Overrides, Seed, Sources, Trackers, named_path
from ssmtl.importing import uncollected
from ssmtl.runs.signals import stoppable

if TYPE_CHECKING:
    pass


@stoppable()
def run(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE", help="A recipe file, or the name of a shipped one, such as multimix.", show_default=False
        ),
    ] = None,
    sources: Sources = None,
    overrides: Overrides = None,
    seed: Seed = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", parser=named_path, help="The run's folder; by default runs/NAME/TIME."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN|auto", help="Resume a run; auto: an unfinished one, if any."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Resume although the recipe changed in allowed ways, such as more steps.")
    ] = False,
    data_root: DataRoot = None,
    trackers: Trackers = None,
    local: LocalPlugins = None,
    allow: AllowLocal = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Train a recipe, evaluate it, and write a report. Exit code 75: stopped by a signal, and saved."""
    with uncollected():
        from ssmtl.api.run import run as start
        from ssmtl.cli.run_display import RunDisplay

    display = RunDisplay(Console(quiet=quiet), quiet)
    done = start(
        recipe,
        sources=sources,
        overrides=overrides or (),
        seed=seed,
        plugins=local or (),
        trackers=trackers or (),
        out=out,
        resume=resume,
        force=force,
        data_root=data_root,
        allow_local_plugins=allow,
        watcher=display,
        command=sys.argv,
    )
    display.reported(done.report)
