"""Which folder a run goes to."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from ssmtl.errors import RunError
from ssmtl.recipe.models import Recipe
from ssmtl.reports.folds import RECORD
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.launched import launched
from ssmtl.runs.resume import find_unfinished


def earlier_run(resume: str | None, out: Path | None, recipe_given: bool) -> RunFolder | None:
    """The run to resume, if `resume` names one.

    :raises RunError: if neither a recipe nor a run is given, or `out` is another folder.
    """
    if resume is None or resume == "auto":
        if not recipe_given:
            raise RunError("which recipe? Give a file or a name, or --resume RUN")
        return None
    if out is not None and out.resolve() != Path(resume).resolve():
        raise RunError(f"--out {out}: a run is resumed in its own folder, {resume}")
    folder = RunFolder(Path(resume))
    if (folder.path / RECORD).is_file():
        raise RunError(f"{resume} holds folds: they go on with their recipe, --out {resume} and --resume auto")
    folder.read_recipe()
    return folder


def folder_of(recipe: Recipe, out: Path | None, auto: bool) -> tuple[RunFolder, bool]:
    """`out`, or else the unfinished run to resume, or else a new folder named after the time; whether it is new."""
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
def reserved(folder: RunFolder, new: bool) -> Iterator[RunFolder]:
    """The folder; a new one is made now, numbered if another run of this second has its name, and removed if unused."""
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


def has_more_steps(folder: RunFolder, recipe: Recipe) -> bool:
    """Whether the recipe asks for more steps than the run in the folder."""
    return recipe.train.steps > folder.read_recipe().validated().train.steps
