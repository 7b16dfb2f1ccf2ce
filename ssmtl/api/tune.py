"""`ssmtl.tune`."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ssmtl import __version__
from ssmtl.api.given_plugins import GivenPlugin
from ssmtl.api.loaded import Loaded, load_recipe
from ssmtl.api.run import Overrides, as_text
from ssmtl.contracts.folders import Folders
from ssmtl.errors import Problem, RecipeError, RunError
from ssmtl.runs.environment import commit
from ssmtl.suite.digests import SplitDigests
from ssmtl.suite.executor import Executor
from ssmtl.suite.executors import ExecutorName, make_executor
from ssmtl.tuning.budget import check_budget
from ssmtl.tuning.outputs import BEST
from ssmtl.tuning.proposals import imported_optuna
from ssmtl.tuning.rungs import rungs_of
from ssmtl.tuning.searched_recipe import SearchedRecipe
from ssmtl.tuning.space_file import Space, read_space, space_of
from ssmtl.tuning.study import Study, StudyWatcher, check_place
from ssmtl.tuning.trial import StudyRecord, Trial
from ssmtl.tuning.trial_runs import TrialRuns

GIVEN_SPACE = "space"
"""Where a space is from that a program gave as a dict."""


@dataclass(frozen=True)
class TunedRecipe:
    """:param path: of the search's folder. :param trials: all of them, by number. :param best: None if none finished.

    :param recipe: the best trial's recipe file, for `ssmtl.run`; None if none finished.
    :param steps: of training, over all trials and seeds. :param seconds: that the runs took, added up.
    """

    path: Path
    trials: tuple[Trial, ...]
    best: Trial | None
    recipe: Path | None
    steps: int
    seconds: float


def tune(
    recipe: str | Path | Mapping[str, Any],
    space: str | Path | Mapping[str, Any],
    *,
    sources: str | Path | Mapping[str, Any] | None = None,
    overrides: Overrides = (),
    plugins: Sequence[GivenPlugin] = (),
    out: Path | str | None = None,
    jobs: int | None = None,
    executor: ExecutorName | Executor = "local",
    address: str | None = None,
    gpus: float = 0.0,
    data_root: Path | str | None = None,
    allow_local_plugins: bool = False,
    watcher: StudyWatcher | None = None,
    command: Sequence[str] = ("ssmtl.tune",),
) -> TunedRecipe:
    """Search for the values of a recipe's options that are best on validation images; what `ssmtl tune` does.

    Runs train in other processes, so a script calls this below `if __name__ == "__main__":`. No test image is
    evaluated.

    :param recipe, sources, overrides, data_root, allow_local_plugins: as for `ssmtl.run`.
    :param space: a file, or its content as a dict; see `ssmtl.tuning.space_file.Space`.
    :param plugins: plugin files; a class exists in this process only.
    :param out: the search's folder; None: runs/tune/RECIPE-SPACE. A search that was stopped goes on there.
    :param jobs: runs at a time; None: cores / the space's threads. The results do not depend on it.
    :param executor: `local`, `ray`, or an object that runs the work. :param address, gpus: for Ray.
    :raises RecipeError: with every error in the recipe or the space.
    :raises DataError: for anything wrong with the data.
    :raises RunError: if the folder is taken, or the extra `tune` is missing.
    :raises StoppedError: if a run was stopped by a signal; everything is saved.
    """
    where = GIVEN_SPACE if isinstance(space, Mapping) else str(space)
    asked = space_of(dict(space), where) if isinstance(space, Mapping) else read_space(Path(space))
    loaded = load_recipe(
        str(recipe) if isinstance(recipe, Path) else recipe,
        str(sources) if isinstance(sources, Path) else sources,
        as_text(overrides),
        None,
        plugins,
        allow_local_plugins,
    )
    study = _study(loaded, asked, where, _folder(out, loaded, where), data_root, command)
    at_a_time = jobs or max(1, (os.cpu_count() or 1) // asked.threads)
    with study.opened() as record:
        made = executor
        if isinstance(made, str):
            made = make_executor(made, at_a_time, asked.threads, address, gpus)
        with closing(made):
            record = study.run(record, made, watcher or StudyWatcher())
    best = record.best
    page = study.folder / BEST if best is not None else None
    return TunedRecipe(study.folder, tuple(record.trials), best, page, record.steps, record.seconds)


def _folder(out: Path | str | None, loaded: Loaded, where: str) -> Path:
    if out is not None:
        return Path(out)
    words = f"{loaded.recipe.name}-{Path(where).stem}"
    return Path("runs") / "tune" / (re.sub(r"[^\w.-]+", "-", words).strip(".-") or "search")


def _study(
    loaded: Loaded, space: Space, where: str, folder: Path, data_root: Path | str | None, command: Sequence[str]
) -> Study:
    """The search, checked: nothing is written before."""
    recipe = loaded.recipe
    if space.sampler.use != "grid":
        imported_optuna()
    if loaded.plugins.given:
        raise RunError(
            f"{loaded.plugins.given[0]} exists in this process only, and trials run in others: give its file"
        )
    for key in ("init", "folds"):
        if getattr(recipe, key) is not None and not (key == "folds" and recipe.fold is not None):
            raise RecipeError([Problem(loaded.text.place(key), "trials begin anew, each as one run", "leave it out")])
    searched = SearchedRecipe(recipe, loaded.text, loaded.plugins)
    searched.check(space, where)
    rungs = rungs_of(space.pruner, recipe.train, where)
    check_place(folder)
    root = Path(data_root) if data_root is not None else None
    runs = TrialRuns(searched, space, folder, SplitDigests(loaded.plugins, Folders(root)), root, loaded.local)
    check_budget(space, recipe.train.steps * len(runs.seeds), where)
    fresh = StudyRecord(
        recipe=recipe.content(),
        space=space.model_dump(mode="json"),
        code=runs.code(),
        data=runs.data(),
        ssmtl=__version__,
        commit=commit(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        command=list(command),
    )
    return Study(space, rungs, recipe.train, runs, fresh)
