"""One run: started or resumed in its folder, and trained in one process or several."""

import multiprocessing
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import TYPE_CHECKING

import torch
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
from ssmtl.runs.again import resume_command
from ssmtl.runs.checkpoint import Checkpoints
from ssmtl.runs.code_version import code_version
from ssmtl.runs.environment import environment
from ssmtl.runs.fabric import launch, leave, make_fabric
from ssmtl.runs.files import Environment, Results
from ssmtl.runs.folder import RunFolder, check_own
from ssmtl.runs.initial import Initial
from ssmtl.runs.launched import launched, rank
from ssmtl.runs.lock import run_lock
from ssmtl.runs.log import RunLog
from ssmtl.runs.lost import cause, give_precedence
from ssmtl.runs.observers import observing
from ssmtl.runs.process import train_along, train_first
from ssmtl.runs.resume import check_data, check_recipe, fixed_digest
from ssmtl.runs.signals import StoppedError, StopRequest, listening

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def nobody() -> AbstractContextManager[list[object]]:
    """No observers."""
    return nullcontext([])


@dataclass(frozen=True)
class Job:
    """What a process needs to know to train; picklable.

    :param resume: whether to resume the run in the folder, if there is one.
    :param force: resume even if the recipe differs in keys that may change. :param until: pause after this step, saved.
    :param initial: the weights that a new run begins with, if its recipe has `init`.
    :param observers: made in the process that reports, and closed there however the run ends.
    """

    recipe: Recipe
    folder: RunFolder
    folders: Folders
    local_plugins: tuple[Path, ...] = ()
    observers: Callable[[], AbstractContextManager[list[object]]] = nobody
    command: tuple[str, ...] = ()
    initial: Initial | None = None
    resume: bool = False
    force: bool = False
    until: int | None = None


def can_resume(folder: RunFolder, resume: bool) -> bool:
    """Whether the run will go on from a checkpoint: then no pretrained weights need to be fetched.

    :param resume: whether it may.
    """
    return resume and folder.is_started and Checkpoints(folder, keep=1).usable(folder.log)


def execute(job: Job, plugins: Plugins, experiment: Experiment, data: ExperimentData) -> Results:
    """Start or resume the run in its folder, and train in one process or several.

    :raises RunError: if the folder holds a different run, or the device, precision or loss makes it impossible to
        continue.
    :raises StoppedError: if a signal asked the run to stop; its state is saved.
    """
    if not job.resume and rank(job.recipe.train) == 0:
        job.folder.check_free()
    check_own(job.folder.path)
    fabric = make_fabric(job.recipe)
    job.folder.path.mkdir(parents=True, exist_ok=True)
    if launched(job.recipe.train):
        fabric.launch(partial(_train_launched, job=job, plugins=plugins, experiment=experiment, data=data))
        return _results(job)
    with run_lock(job.folder):
        _begin(job, plugins, str(fabric.device), data)
        if job.recipe.train.devices == 1:
            fabric.launch()
            with listening() as stop:
                _train(fabric, job, plugins, experiment, data, stop)
    if job.recipe.train.devices > 1:
        _launch(fabric, job)
    return _results(job)


def _results(job: Job) -> Results:
    """:raises StoppedError: if there are none, since a signal asked the run to stop."""
    if not job.folder.is_finished:
        raise StoppedError(f"stopped and saved; {_again(job)}")
    return job.folder.read_results()


def _again(job: Job) -> str:
    return f"resume it with: {resume_command(job.folder, job.recipe, job.folders, job.local_plugins)}"


def _begin(job: Job, plugins: Plugins, device: str, data: ExperimentData) -> None:
    """Write the files that describe the run before it trains; the recipe last, since it marks a run that has begun."""
    folder = job.folder
    facts = environment(plugins, job.local_plugins, device, list(job.command), job.folders.base()[0])
    facts.recipe_fixed, facts.code_version = fixed_digest(job.recipe), code_version(plugins, job.recipe)
    clear_leftovers(folder.path)
    if job.resume and folder.is_started:
        check_recipe(folder, job.recipe, job.force)
        check_data(folder, data.fingerprints)
        facts = _resumed(folder, facts)
        folder.results.unlink(missing_ok=True)
    else:
        files = data.files
        if job.initial is not None:
            job.initial.write(folder)
            facts.initial = job.initial.facts()
        write_split_file(
            folder.split,
            data.splits,
            job.recipe.seed,
            data.fingerprints,
            files.listed,
            files.namespaces,
            files.people,
            job.initial.split if job.initial else None,
        )
    write_model(folder.environment, facts)
    write_text(folder.recipe, yaml_file.dump(job.recipe.content()))


def _resumed(folder: RunFolder, facts: Environment) -> Environment:
    """The facts from the run's start, with these added to its list of resumptions. A damaged file is rewritten."""
    try:
        before = folder.read_environment()
    except RunError as error:
        warn(f"{error}; it is rewritten")
        return facts
    return before.model_copy(update={"resumed": [*before.resumed, facts.model_dump(exclude={"resumed"})]})


def _launch(fabric: "Fabric", job: Job) -> None:
    """:raises RunError: with the error of a spawned process if the user can fix it, or naming the process that died."""
    mistakes = multiprocessing.get_context("spawn").SimpleQueue()
    asked = StopRequest()
    try:
        with listening(forward=True) as asked:
            launch(fabric, job.recipe, partial(_train_spawned, job=job, mistakes=mistakes))
    except ProcessRaisedException as error:
        if mistakes.empty():
            raise
        raise RunError(cause(mistakes)) from error
    except ProcessExitedException as error:
        if asked.requested and error.signal_name == "SIGTERM":
            raise StoppedError(f"stopped before its first step; {_again(job)}") from error
        signal_name = f", killed by {error.signal_name}" if error.signal_name else ""
        raise RunError(
            f"process {error.error_index} of the run's {job.recipe.train.devices} died (exit code {error.exit_code}"
            f"{signal_name}); the others were stopped; {_again(job)}"
        ) from error


def _train_launched(fabric: "Fabric", job: Job, plugins: Plugins, experiment: Experiment, data: ExperimentData) -> None:
    """One of several processes that torchrun or Slurm started. The first one writes, when all have arrived."""
    with listening() as stop:
        if fabric.is_global_zero:
            with run_lock(job.folder):
                _begin(job, plugins, str(fabric.device), data)
                fabric.barrier()
                _train(fabric, job, plugins, experiment, data, stop)
        else:
            fabric.barrier()
            train_along(job.folder, fabric, experiment, data, stop)
            fabric.barrier()


def _train_spawned(fabric: "Fabric", job: Job, mistakes: "SimpleQueue[str]") -> None:
    """A spawned process rebuilds everything; the split is read from the run folder."""
    try:
        with listening() as stop:
            _build_and_train(fabric, job, stop)
        leave(fabric)
    except SsmtlError as error:
        give_precedence(error)
        mistakes.put(str(error))
        raise
    except Exception as error:
        give_precedence(error)
        raise


def _build_and_train(fabric: "Fabric", job: Job, stop: StopRequest) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // fabric.world_size))
    plugins = load_plugins(job.local_plugins)
    experiment = assemble(job.recipe, plugins, pretrained=not can_resume(job.folder, job.resume))
    data = prepare(experiment, plugins, job.folders, split_file=job.folder.split)
    if fabric.is_global_zero:
        with run_lock(job.folder):
            _train(fabric, job, plugins, experiment, data, stop)
    else:
        train_along(job.folder, fabric, experiment, data, stop)
        fabric.barrier()


def _train(
    fabric: "Fabric", job: Job, plugins: Plugins, experiment: Experiment, data: ExperimentData, stop: StopRequest
) -> None:
    """Train in this process, the first one."""
    with job.observers() as shown:
        with observing(job.recipe, plugins, shown, RunLog(job.folder.log)) as observers:
            train_first(job.folder, fabric, plugins, experiment, data, observers, stop, job.until)
        fabric.barrier()
