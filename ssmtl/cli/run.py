"""`ssmtl run`."""

import re
import sys
import warnings
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from functools import partial
from itertools import count
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
        from ssmtl.cli.initial import initial_of
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
    alone = rank(loaded.recipe.train) == 0  # or the first of several processes: only that one writes and speaks
    console = Console(quiet=quiet or not alone)
    if not alone:
        warnings.simplefilter("ignore", SsmtlWarning)
    folder, new = (earlier, False) if earlier else _folder(loaded.recipe, out, resume == "auto")
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
    with _reserved(folder, new) as folder:
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


def _folder(recipe: "Recipe", out: Path | None, auto: bool) -> "tuple[RunFolder, bool]":
    """--out, or else the unfinished run to resume, or else a new folder named after the time; whether it is new."""
    from ssmtl.errors import RunError
    from ssmtl.runs.folder import RunFolder
    from ssmtl.runs.launched import launched
    from ssmtl.runs.resume import find_unfinished

    if out is not None:
        return RunFolder(out), False
    if launched(recipe.train):
        raise RunError("which folder? Processes that torchrun or Slurm starts together need the same --out")
    runs = Path("runs") / (re.sub(r"[^\w.-]+", "-", recipe.name).strip(".-") or "run")
    unfinished = find_unfinished(runs, recipe) if auto else None
    if unfinished:
        return unfinished, False
    return RunFolder(runs / datetime.now().strftime("%Y%m%d-%H%M%S")), True


@contextmanager
def _reserved(folder: "RunFolder", new: bool) -> "Iterator[RunFolder]":
    """The folder; a new one is made now, numbered if another run of this second has its name, and removed if unused."""
    from ssmtl.runs.folder import RunFolder

    if not new:
        yield folder
        return
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        place = RunFolder(folder.path if number == 1 else folder.path.with_name(f"{folder.path.name}-{number}"))
        try:
            place.path.mkdir()
            break
        except FileExistsError:
            continue
    try:
        yield place
    except BaseException:
        with suppress(OSError):  # such as that it is in use
            place.path.rmdir()
        raise


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
