"""Where a new run goes."""

import re
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ssmtl.recipe.models import Recipe
    from ssmtl.runs.folder import RunFolder


def folder_for(recipe: "Recipe", out: Path | None, auto: bool) -> "tuple[RunFolder, bool]":
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
def reserved(folder: "RunFolder", new: bool) -> "Iterator[RunFolder]":
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
