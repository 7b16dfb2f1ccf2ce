"""One run: its folder is started or gone on with, and trained in one process or several."""

import multiprocessing
import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from ssmtl.atomic_file import clear_leftovers, write_text
from ssmtl.contracts.folders import Folders
from ssmtl.data.split_file import write_split_file
from ssmtl.errors import RunError, SsmtlError, warn
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.prepare import ExperimentData, prepare
from ssmtl.json_file import write_model
from ssmtl.recipe import yaml_file
from ssmtl.recipe.models import Recipe
from ssmtl.registry.plugins import Plugins, load_plugins
from ssmtl.runs.environment import environment
from ssmtl.runs.fabric import make_fabric
from ssmtl.runs.files import Environment, Results
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.lock import run_lock
from ssmtl.runs.log import RunLog
from ssmtl.runs.observers import observing
from ssmtl.runs.process import train_along, train_first
from ssmtl.runs.resume import check_data, check_recipe
from ssmtl.runs.signals import StoppedError, listening

LOST = re.compile(r"[Cc]onnection (closed|reset|refused)|[Bb]roken pipe")
"""What a process says whose partner died."""

GRACE = 3.0
"""Seconds that it then waits, so that the one that died is named and not this one."""


def nobody() -> AbstractContextManager[list[object]]:
    """No observers."""
    return nullcontext([])


@dataclass(frozen=True)
class Job:
    """What a process needs to know to train; picklable.

    :param resume: whether to go on with the run in the folder, if there is one.
    :param force: to go on although the recipe differs in what may change.
    :param observers: made in the process that reports, and closed there however the run ends.
    """

    recipe: Recipe
    folder: RunFolder
    folders: Folders
    local_plugins: tuple[Path, ...] = ()
    observers: Callable[[], AbstractContextManager[list[object]]] = nobody
    command: tuple[str, ...] = ()
    resume: bool = False
    force: bool = False


def execute(job: Job, plugins: Plugins, experiment: Experiment, data: ExperimentData) -> Results:
    """Start the run's folder or go on with it, and train in one process or several.

    :raises RunError: if the folder holds a run that is not this one, or the device, precision or loss does not allow
        to go on.
    :raises StoppedError: if a signal asked for it; the state is saved.
    """
    if not job.resume:
        job.folder.check_free()
    fabric = make_fabric(job.recipe)
    job.folder.path.mkdir(parents=True, exist_ok=True)
    with run_lock(job.folder):
        _begin(job, plugins, str(fabric.device), data)
        if job.recipe.train.devices == 1:
            fabric.launch()
            _train(fabric, job, plugins, experiment, data)
    if job.recipe.train.devices > 1:
        _launch(fabric, job)
    if not job.folder.is_finished:
        raise StoppedError(f"stopped and saved; resume it with: ssmtl run --resume {job.folder.path}")
    return job.folder.read_results()


def _begin(job: Job, plugins: Plugins, device: str, data: ExperimentData) -> None:
    """Write what tells of the run before it trains; the recipe last, since it marks a run that has begun."""
    folder = job.folder
    facts = environment(plugins, device, list(job.command), str(job.folders.base()[0]))
    clear_leftovers(folder.path)
    if job.resume and folder.is_started:
        check_recipe(folder, job.recipe, job.force)
        check_data(folder, data.fingerprints)
        facts = _resumed(folder, facts)
        folder.results.unlink(missing_ok=True)
    else:
        write_split_file(folder.split, data.splits, job.recipe.seed, data.fingerprints)
    write_model(folder.environment, facts)
    write_text(folder.recipe, yaml_file.dump(job.recipe.content()))


def _resumed(folder: RunFolder, facts: Environment) -> Environment:
    """The facts of the start, with these added to the list of later ones. A damaged file is written anew."""
    try:
        before = folder.read_environment()
    except RunError as error:
        warn(f"{error}; it is written anew")
        return facts
    return before.model_copy(update={"resumed": [*before.resumed, facts.model_dump(exclude={"resumed"})]})


def _launch(fabric: Fabric, job: Job) -> None:
    """:raises RunError: what the user can mend of what went wrong in a spawned process, or which one died."""
    mistakes = multiprocessing.get_context("spawn").SimpleQueue()
    try:
        with listening(forward=True):
            fabric.launch(partial(_train_spawned, job=job, mistakes=mistakes))
    except ProcessRaisedException as error:
        if mistakes.empty():
            raise
        raise RunError(mistakes.get()) from error
    except ProcessExitedException as error:
        signal_name = f", killed by {error.signal_name}" if error.signal_name else ""
        raise RunError(
            f"process {error.error_index} of the run's {job.recipe.train.devices} died (exit code {error.exit_code}"
            f"{signal_name}); the others were ended. Resume it with: ssmtl run --resume {job.folder.path}"
        ) from error


def _train_spawned(fabric: Fabric, job: Job, mistakes: "SimpleQueue[str]") -> None:
    """A spawned process builds everything anew; the split is read from the run folder."""
    try:
        _build_and_train(fabric, job)
    except SsmtlError as error:
        if LOST.search(str(error)):
            time.sleep(GRACE)
        mistakes.put(str(error))
        raise
    except Exception as error:
        if LOST.search(str(error)):
            time.sleep(GRACE)
        raise


def _build_and_train(fabric: Fabric, job: Job) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // fabric.world_size))
    plugins = load_plugins(job.local_plugins)
    experiment = assemble(job.recipe, plugins)
    data = prepare(experiment, plugins, job.folders, split_file=job.folder.split)
    if fabric.is_global_zero:
        with run_lock(job.folder):
            _train(fabric, job, plugins, experiment, data)
    else:
        with listening() as stop:
            train_along(job.folder, fabric, experiment, data, stop)
            fabric.barrier()


def _train(fabric: Fabric, job: Job, plugins: Plugins, experiment: Experiment, data: ExperimentData) -> None:
    """Train in this process, the first one."""
    with listening() as stop, job.observers() as shown:
        with observing(plugins.manager, shown, RunLog(job.folder.log)) as observers:
            train_first(job.folder, fabric, plugins, experiment, data, observers, stop)
        fabric.barrier()
