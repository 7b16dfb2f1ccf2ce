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
def hinting_at_its_plugins(folder: RunFolder, files: Sequence[Path], given: Sequence[str] = ()) -> Iterator[None]:
    """Wraps what assembles the recipe of an earlier run.

    :param files: the plugin files of this command. :param given: names of the plugins that a program hands over now.
    :raises RecipeError: as the wrapped code does; if a component is unknown and the run had plugins that are not
        given now, with these as the hint.
    """
    try:
        yield
    except RecipeError as error:
        hint = _hint(folder, files, given)
        if not hint:
            raise
        problems = [replace(one, hint=hint) if one.where.endswith(".use") else one for one in error.problems]
        raise RecipeError(problems) from error


def _hint(folder: RunFolder, files: Sequence[Path], given: Sequence[str]) -> str:
    try:
        before = folder.read_environment()
    except (RunError, OSError):
        return ""
    now = {path.resolve() for path in files}
    paths = [path for path in before.local_plugins if Path(path) not in now]
    names = [name for name in before.given_plugins if name not in given]
    if names:
        more = "".join(f", {path!r}" for path in paths)
        return f"the run was started from Python with plugins=[{', '.join(names)}{more}]: give this again, from Python"
    if not paths:
        return ""
    words = shlex.join(word for path in paths for word in ("--plugin", path))
    return f"the run was started with {words}: give this again"
