"""`ssmtl run`."""

import sys
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ssmtl.cli.loading import DataRoot, LocalPlugins, Overrides, RecipeName, Seed, Sources, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def run(
    recipe: RecipeName,
    sources: Sources = None,
    overrides: Overrides = None,
    seed: Seed = None,
    out: Annotated[Path | None, typer.Option("--out", help="The run's folder. [default: runs/NAME/TIME]")] = None,
    data_root: DataRoot = None,
    local: LocalPlugins = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Train a recipe, evaluate it, and write a report."""
    from ssmtl.cli.tables import print_plan, print_results
    from ssmtl.data.folders import Folders
    from ssmtl.data.prepare import prepare
    from ssmtl.plan import plan_of
    from ssmtl.report import write_report
    from ssmtl.run import Job, check_free, execute

    console = Console(quiet=quiet)
    experiment, plugins, _ = load(recipe, sources, overrides, seed, local)
    folder = out or Path("runs") / experiment.recipe.name / datetime.now().strftime("%Y%m%d-%H%M%S")
    check_free(folder)
    folders = Folders(data_root)
    prepared = prepare(experiment, plugins, folders, progress=partial(_decoding, console))
    for source, skipped in prepared.skipped.items():
        count = "1 image did" if len(skipped) == 1 else f"{len(skipped)} images did"
        console.print(f"[yellow]{source}: {count} not decode: left out", highlight=False)
    print_plan(console, plan_of(experiment, prepared.tasks))
    console.print(f"run folder [bold]{folder}[/]", highlight=False)
    job = Job(
        experiment.recipe,
        folder,
        folders,
        tuple(local or ()),
        partial(observers, quiet, console.is_terminal),
        tuple(sys.argv),
    )
    results = execute(job, plugins, experiment, prepared)
    page = write_report(folder)
    print_results(console, results)
    console.print(f"report [bold]{page}[/]", highlight=False, soft_wrap=True)


@contextmanager
def observers(quiet: bool, terminal: bool) -> "Iterator[list[object]]":
    """Who shows the run: nobody, a live display, or plain lines."""
    from ssmtl.console import LiveConsole, PlainConsole

    if quiet or not terminal:
        yield [] if quiet else [PlainConsole(Console())]
        return
    shown = LiveConsole(Console())
    try:
        yield [shown]
    finally:
        shown.live.stop()


def _decoding(console: Console, what: str, steps: int) -> "Callable[[], None]":
    """A progress bar that removes itself at its end; a plain line where nobody watches."""
    from rich.progress import Progress

    if not console.is_terminal:
        console.print(what, highlight=False)
        return lambda: None
    bar = Progress(console=console, transient=True)
    task = bar.add_task(what, total=steps)
    bar.start()
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        bar.advance(task)
        if done == steps:
            bar.stop()

    return advance
