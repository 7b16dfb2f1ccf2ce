"""`ssmtl.run`."""

import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from ssmtl.api.arguments import path_of, words_of
from ssmtl.api.folds import run_folds
from ssmtl.api.given_plugins import GivenPlugin, files_among, names_among
from ssmtl.api.loaded import Loaded, load_recipe
from ssmtl.api.run_place import earlier_run, folder_of, has_more_steps, reserved
from ssmtl.api.trained import TrainedFolds, TrainedRun
from ssmtl.api.watcher import Watcher
from ssmtl.contracts.folders import Folders
from ssmtl.data.doubts import doubts_of
from ssmtl.data.small_parts import warn_of_lent_tests, warn_of_small_parts
from ssmtl.errors import RunError, SsmtlError, SsmtlWarning, warn
from ssmtl.experiment.prepare import prepare
from ssmtl.importing import uncollected
from ssmtl.runs.again import hinting_at_its_plugins
from ssmtl.runs.execute import Job, can_resume, execute
from ssmtl.runs.initial import initial_of
from ssmtl.runs.launched import rank
from ssmtl.runs.resume import check_recipe

Overrides = Mapping[str, Any] | Sequence[str]
"""`{"train.steps": 100}`, or `["train.steps=100"]` as on the command line."""


def run(
    recipe: str | Path | Mapping[str, Any] | None = None,
    *,
    sources: str | Path | Mapping[str, Any] | None = None,
    overrides: Overrides = (),
    seed: int | None = None,
    plugins: Sequence[GivenPlugin] = (),
    trackers: Sequence[str | Mapping[str, Any]] = (),
    out: Path | str | None = None,
    resume: Path | str | None = None,
    force: bool = False,
    data_root: Path | str | None = None,
    allow_local_plugins: bool = False,
    watcher: Watcher | None = None,
    command: Sequence[str] = ("ssmtl.run",),
) -> TrainedRun | TrainedFolds:
    """Train a recipe, evaluate it, and write a report; what `ssmtl run` does.

    :param recipe: a file, the name of a shipped recipe, or its content as a dict; None: that of the run to resume.
    :param sources: a sources file, the name of a shipped one, or its content, instead of the recipe's.
    :param overrides: values to change. :param seed: instead of the recipe's.
    :param plugins: plugin files; classes of components, such as one in a notebook, called by their name in snake case
        (`PictureBridge` is `picture_bridge`); modules or objects with hooks. `load` and `evaluate` need them again.
    :param trackers: programs that the run's curves are copied to, besides the recipe's: names, or mappings such as
        `{"use": "mlflow", "experiment": "lungs"}`.
    :param out: the run's folder; None: a new one, runs/NAME/TIME.
    :param resume: a run's folder to resume, or 'auto': an unfinished run of this recipe, if there is one.
    :param force: resume although the recipe changed in allowed ways, such as more steps.
    :param data_root: the folder of the sources' relative roots. :param allow_local_plugins: run the Python files that
        the recipe lists. :param watcher: who is told how it comes along. :param command: for the run's record.
    :raises RecipeError: with every error in the recipe. :raises DataError: for anything wrong with the data.
    :raises RunError: if the folder is taken, or training cannot go on.
    :returns: the run; for a recipe with `folds`, one for each.
    :raises StoppedError: if a signal asked it to stop; its state is saved.
    """
    shown = watcher or Watcher()
    place = path_of("out", out) if out is not None else None
    resumed = str(path_of("resume", resume)) if resume is not None else None
    earlier = earlier_run(resumed, place, recipe is not None)
    files, names = files_among(plugins), names_among(plugins)
    hinting = partial(hinting_at_its_plugins, earlier, files, names) if earlier else nullcontext
    _check_content("recipe", recipe)
    _check_content("sources", sources)
    wanted = recipe if recipe is not None else str(earlier.recipe if earlier else "")
    with hinting(), uncollected():
        loaded = load_recipe(
            str(wanted) if isinstance(wanted, Path) else wanted,
            str(sources) if isinstance(sources, Path) else sources,
            as_text(overrides),
            seed,
            plugins,
            allow_local_plugins,
            trackers,
        )
    _check_given(loaded)
    if loaded.recipe.folds is not None and loaded.recipe.fold is None:

        def one(number: int, own: Path) -> TrainedRun:
            done = run(
                recipe,
                sources=sources,
                overrides=[*as_text(overrides), f"fold={number}"],
                seed=seed,
                plugins=plugins,
                trackers=trackers,
                out=own,
                resume=resume,
                force=force,
                data_root=data_root,
                allow_local_plugins=allow_local_plugins,
                watcher=shown,
                command=command,
            )
            assert isinstance(done, TrainedRun)
            return done

        return run_folds(loaded.recipe, place, resumed, shown, one)
    alone = rank(loaded.recipe.train) == 0  # or the first of several processes: only that one writes and speaks
    if not alone:
        shown = Watcher()
        warnings.simplefilter("ignore", SsmtlWarning)
    folder, new = (earlier, False) if earlier else folder_of(loaded.recipe, place, resumed == "auto")
    resumes = resumed is not None and not new and folder.is_started
    if resumes:
        check_recipe(folder, loaded.recipe, force)
        if folder.is_finished and not has_more_steps(folder, loaded.recipe):
            shown.was_finished(folder)
            return TrainedRun(folder.path, folder.read_results(), _report(folder.path), trained=False)
    elif place is not None and alone:
        folder.check_free()
    with hinting():
        experiment = loaded.assembled(pretrained=not can_resume(folder, resumes))
    folders = Folders(path_of("data_root", data_root) if data_root is not None else None)
    split = folder.split if resumes else None
    initial = initial_of(experiment, folders) if not resumes else None
    if initial:
        shown.began_with(initial)
    before = initial.split if initial else None
    data = prepare(experiment, loaded.plugins, folders, split_file=split, earlier=before, progress=shown.decoding)
    warn_of_small_parts(data.splits)
    warn_of_lent_tests(data.splits, data.files.examples)
    for doubt in doubts_of(data.files):
        warn(doubt)
    shown.prepared(experiment, data)
    with reserved(folder, new) as folder:
        shown.begins(folder, resumes)
        job = Job(
            experiment.recipe,
            folder,
            folders,
            loaded.local,
            shown.observers,
            tuple(command),
            initial,
            resume=resumed is not None,
            force=force,
        )
        results = execute(job, loaded.plugins, experiment, data)
    if alone:
        shown.ended(results)
    page = _report(folder.path) if alone else folder.report
    return TrainedRun(folder.path, results, page, resumes)


def as_text(overrides: Overrides) -> list[str]:
    """JSON is YAML."""
    if isinstance(overrides, Mapping):
        return [f"{key}={_json(key, value)}" for key, value in overrides.items()]
    if isinstance(overrides, str):
        raise SsmtlError(f"overrides: '{overrides}' is one str; expected a dict, or a list such as ['train.steps=100']")
    return words_of("overrides", overrides)


def _json(key: str, value: Any) -> str:
    try:
        return json.dumps(value.tolist() if hasattr(value, "tolist") else value)
    except (TypeError, ValueError) as error:
        raise SsmtlError(f"overrides: {key}: {error}; expected what YAML can say") from error


def _check_content(name: str, value: Any) -> None:
    if not isinstance(value, str | Path | Mapping | None):
        raise SsmtlError(f"{name}: a {type(value).__name__}; expected a name, a file, or a dict")


def _check_given(loaded: Loaded) -> None:
    """:raises RunError: if other processes would need classes that exist in this one only."""
    processes = loaded.recipe.train.devices
    if loaded.plugins.given and processes > 1:
        raise RunError(
            f"train.devices is {processes}, and {loaded.plugins.given[0]} exists in this process only; put it into a "
            "file, and give its path in plugins"
        )


def _report(folder: Path) -> Path:
    from ssmtl.reports import write_report

    return write_report(folder, for_a_paper=False)
