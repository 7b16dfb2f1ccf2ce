"""What it takes to run an earlier run's command again: the folder of its data, and its plugin files."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ssmtl.contracts.folders import Folders
from ssmtl.errors import RecipeError, RunError
from ssmtl.recipe.models import Recipe
from ssmtl.runs.folder import RunFolder


def resume_command(folder: RunFolder, recipe: Recipe, folders: Folders, local: Sequence[Path]) -> str:
    """The command that resumes the run, for a shell in this folder.

    :param local: all plugin files of the run, those that its recipe lists among them.
    """
    listed = {Path(path).resolve() for path in recipe.plugins}
    words = ["ssmtl", "run", "--resume", str(folder.path)]
    if folders.data_root is not None:
        words += ["--data-root", str(folders.data_root)]
    for path in local:
        words += ["--plugin", str(path)] if path.resolve() not in listed else []
    if listed:
        words.append("--allow-local-plugins")
    return shlex.join(words)


@contextmanager
def hinting_at_its_plugins(folder: RunFolder, given: Sequence[Path]) -> Iterator[None]:
    """Wraps what assembles the recipe of an earlier run.

    :param given: the plugin files of this command.
    :raises RecipeError: as the wrapped code does; if a component is unknown and the run had plugin files that are not
        given now, with these as the hint.
    """
    try:
        yield
    except RecipeError as error:
        lacking = _lacking(folder, given)
        if not lacking:
            raise
        words = shlex.join(word for path in lacking for word in ("--plugin", path))
        hint = f"the run was started with {words}: give this again"
        problems = [replace(one, hint=hint) if one.where.endswith(".use") else one for one in error.problems]
        raise RecipeError(problems) from error


def _lacking(folder: RunFolder, given: Sequence[Path]) -> list[str]:
    try:
        before = folder.read_environment().local_plugins
    except (RunError, OSError):
        return []
    now = {path.resolve() for path in given}
    return [path for path in before if Path(path) not in now]
