"""`ssmtl run`."""

import sys
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ssmtl.cli.loading import (
    AllowLocal,
    DataRoot,
    LocalPlugins,
    Overrides,
    Seed,
    Sources,
    load,
    named_path,
)
from ssmtl.importing import uncollected
from ssmtl.runs.signals import stoppable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ssmtl.recipe.models import Recipe
    from ssmtl.runs.folder import RunFolder


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
    local: LocalPlugins = None,
    allow: AllowLocal = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Train a recipe, evaluate it, and write a report. Exit code 75: stopped by a signal, and saved."""
    with uncollected():
        from ssmtl.cli.folds import all_folds
        from ssmtl.cli.initial import initial_of
        from ssmtl.cli.run_folder import folder_for, reserved
        from ssmtl.cli.skipped import print_skipped
        from ssmtl.cli.tables import print_plan, print_results
        from ssmtl.contracts.folders import Folders
        from ssmtl.data.doubts import doubts_of
        from ssmtl.data.small_parts import warn_of_small_parts
        from ssmtl.errors import SsmtlWarning, warn
        from ssmtl.experiment.plan import plan_of
        from ssmtl.experiment.prepare import prepare
        from ssmtl.runs.again import hinting_at_its_plugins
        from ssmtl.runs.execute import Job, can_resume, execute
        from ssmtl.runs.launched import rank
        from ssmtl.runs.resume import check_recipe

    earlier = _earlier(recipe, resume, out)
    wanted = recipe if recipe is not None else str(earlier.recipe if earlier else "")
    hinting = partial(hinting_at_its_plugins, earlier, local or ()) if earlier else nullcontext
    with hinting(), uncollected():
        loaded = load(wanted, sources, overrides, seed, local, allow)
    if loaded.recipe.folds is not None and loaded.recipe.fold is None:
        again = partial(run, recipe, sources, seed=seed, force=force, data_root=data_root, local=local, allow=allow)
        all_folds(loaded.recipe, out, resume, quiet, overrides or [], again)
        return
    alone = rank(loaded.recipe.train) == 0  # or the first of several processes: only that one writes and speaks
    console = Console(quiet=quiet or not alone)
    if not alone:
        warnings.simplefilter("ignore", SsmtlWarning)
    folder, new = (earlier, False) if earlier else folder_for(loaded.recipe, out, resume == "auto")
    resumes = resume is not None and not new and folder.is_started
    if resumes:
        check_recipe(folder, loaded.recipe, force)
        if folder.is_finished and not _more_steps(folder, loaded.recipe):
            console.print(f"{escape(str(folder.path))} is finished: nothing to do", highlight=False)
            _report(console, folder)
            return
    elif out is not None and alone:
        folder.check_free()
    with hinting():
        experiment, plugins = loaded.assembled(pretrained=not can_resume(folder, resumes)), loaded.plugins
    folders = Folders(data_root)
    split = folder.split if resumes else None
    initial = initial_of(experiment, console) if not resumes else None
    before, progress = initial.split if initial else None, partial(_decoding, console)
    data = prepare(experiment, plugins, folders, split_file=split, earlier=before, progress=progress)
    warn_of_small_parts(data.splits)
    for doubt in doubts_of(data.files):
        warn(doubt)
    for source, skipped in data.skipped.items():
        print_skipped(console, source, skipped)
    print_plan(console, plan_of(experiment, data.tasks))
    with reserved(folder, new) as folder:
        place = escape(str(folder.path))
        console.print(f"{'resuming' if resumes else 'run folder'} [bold]{place}[/]", highlight=False)
        job = Job(
            experiment.recipe,
            folder,
            folders,
            loaded.local,
            partial(observers, quiet, console.is_terminal),
            tuple(sys.argv),
            initial,
            resume=resume is not None,
            force=force,
        )
        results = execute(job, plugins, experiment, data)
    if alone:
        print_results(console, results)
        _report(console, folder)


def _report(console: Console, folder: "RunFolder") -> None:
    from ssmtl.reports import write_report

    console.print(f"report [bold]{escape(str(write_report(folder.path)))}[/]", highlight=False, soft_wrap=True)


def _earlier(recipe: str | None, resume: str | None, out: Path | None) -> "RunFolder | None":
    """The run that --resume names, if it names one."""
    from ssmtl.errors import RunError
    from ssmtl.runs.folder import RunFolder

    if resume is None or resume == "auto":
        if recipe is None:
            raise RunError("which recipe? Give a file or a name, or --resume RUN")
        return None
    if out is not None and out.resolve() != Path(resume).resolve():
        raise RunError(f"--out {out}: a run is resumed in its own folder, {resume}")
    folder = RunFolder(Path(resume))
    folder.read_recipe()
    return folder


def _more_steps(folder: "RunFolder", recipe: "Recipe") -> bool:
    return recipe.train.steps > folder.read_recipe().validated().train.steps


@contextmanager
def observers(quiet: bool, terminal: bool) -> "Iterator[list[object]]":
    """What shows the run: nothing, a live display, or plain lines."""
    from ssmtl.runs.console import LiveConsole, PlainConsole

    if quiet or not terminal:
        yield [] if quiet else [PlainConsole(Console())]
        return
    shown = LiveConsole(Console())
    try:
        yield [shown]
    finally:
        shown.live.stop()


def _decoding(console: Console, what: str, steps: int) -> "Callable[[], None]":
    """A progress bar that removes itself at its end; a plain line if the output is not a terminal."""
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
