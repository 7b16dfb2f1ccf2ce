"""One run: its folder, what is written there and when."""

import json
import multiprocessing
import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from ssmtl import yaml_file
from ssmtl.assemble import Experiment, assemble
from ssmtl.data.folders import Folders
from ssmtl.data.prepare import Prepared, prepare
from ssmtl.data.split import write_split
from ssmtl.environment import environment
from ssmtl.errors import RunError, SsmtlError, warn
from ssmtl.journal import Journal
from ssmtl.notify import notifying
from ssmtl.plugins import Plugins, load_plugins
from ssmtl.recipe import Recipe
from ssmtl.resume import check_data, check_recipe, is_finished, is_started
from ssmtl.run_lock import run_lock
from ssmtl.stopping import StoppedError, forwarding, stopping
from ssmtl.training import train_along, train_first
from ssmtl.whole_file import clear_leftovers, write_text

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
    folder: Path
    folders: Folders
    local_plugins: tuple[Path, ...] = ()
    observers: Callable[[], AbstractContextManager[list[object]]] = nobody
    command: tuple[str, ...] = ()
    resume: bool = False
    force: bool = False


def check_free(folder: Path) -> None:
    """:raises RunError: if the folder holds a run, or it or a folder above it is a file."""
    for path in (folder, *folder.parents):
        if path.is_file():
            raise RunError(f"{path} is a file; --out names the run's folder")
    for name in ("recipe.yaml", "metrics.jsonl", "results.json"):
        if (folder / name).exists():
            raise RunError(
                f"{folder} already holds a run ({name}); go on with it by --resume {folder}, give another --out, "
                "or remove it"
            )


def execute(job: Job, plugins: Plugins, experiment: Experiment, prepared: Prepared) -> dict[str, Any]:
    """Start the run's folder or go on with it, train in one process or several, and return results.json.

    :raises RunError: if the folder holds a run that is not this one, or the device, precision or loss does not allow
        to go on.
    :raises StoppedError: if a signal asked for it; the state is saved.
    """
    if not job.resume:
        check_free(job.folder)
    fabric = make_fabric(job.recipe)
    job.folder.mkdir(parents=True, exist_ok=True)
    with run_lock(job.folder):
        _begin(job, plugins, str(fabric.device), prepared)
        if job.recipe.train.devices == 1:
            fabric.launch()
            _train(fabric, job, plugins, experiment, prepared)
    if job.recipe.train.devices > 1:
        _launch(fabric, job)
    if not is_finished(job.folder):
        raise StoppedError(f"stopped and saved; go on with: ssmtl run --resume {job.folder}")
    result: dict[str, Any] = json.loads((job.folder / "results.json").read_text(encoding="utf-8"))
    return result


def _begin(job: Job, plugins: Plugins, device: str, prepared: Prepared) -> None:
    """Write what tells of the run before it trains; the recipe last, since it marks a run that has begun."""
    folder = job.folder
    facts = environment(plugins, device, list(job.command), str(job.folders.base()[0]))
    clear_leftovers(folder)
    if job.resume and is_started(folder):
        check_recipe(folder, job.recipe, job.force)
        check_data(folder, prepared.fingerprints)
        facts = _resumed(folder / "environment.json", facts)
        (folder / "results.json").unlink(missing_ok=True)
    else:
        write_split(folder / "split.json", prepared.splits, job.recipe.seed, prepared.fingerprints)
    write_text(folder / "environment.json", json.dumps(facts, indent=1))
    write_text(folder / "recipe.yaml", yaml_file.dump(job.recipe.content()))


def _resumed(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of the start, with these added to the list of later ones. A damaged file is written anew."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        return {**before, "resumed": [*before.get("resumed", ()), facts]}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        warn(f"{path} is damaged and written anew: {error}")
        return facts


def make_fabric(recipe: Recipe) -> Fabric:
    """:raises RunError: if this machine lacks the device, or the device the precision."""
    train = recipe.train
    several = DDPStrategy(start_method="spawn", timeout=timedelta(seconds=train.timeout))
    strategy = "auto" if train.devices == 1 else several
    precision = "32-true" if train.precision == "32" else train.precision
    try:
        if precision == "16-mixed" and Fabric(accelerator=train.device, devices=1).device.type == "cpu":
            raise ValueError("a CPU has no 16-mixed (Fabric would take bf16-mixed); set it to bf16-mixed or 32")
        return Fabric(accelerator=train.device, devices=train.devices, strategy=strategy, precision=precision)
    except Exception as error:
        raise RunError(
            f"train: device {train.device}, devices {train.devices}, precision {train.precision}: {error}"
        ) from error


def _launch(fabric: Fabric, job: Job) -> None:
    """:raises RunError: what the user can mend of what went wrong in a spawned process, or which one died."""
    mistakes = multiprocessing.get_context("spawn").SimpleQueue()
    try:
        with forwarding():
            fabric.launch(partial(_train_again, job=job, mistakes=mistakes))
    except ProcessRaisedException as error:
        if mistakes.empty():
            raise
        raise RunError(mistakes.get()) from error
    except ProcessExitedException as error:
        signal_name = f", killed by {error.signal_name}" if error.signal_name else ""
        raise RunError(
            f"process {error.error_index} of the run's {job.recipe.train.devices} died (exit code {error.exit_code}"
            f"{signal_name}); the others were ended. Go on with: ssmtl run --resume {job.folder}"
        ) from error


def _train_again(fabric: Fabric, job: Job, mistakes: "SimpleQueue[str]") -> None:
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
    prepared = prepare(experiment, plugins, job.folders, split_file=job.folder / "split.json")
    if fabric.is_global_zero:
        with run_lock(job.folder):
            _train(fabric, job, plugins, experiment, prepared)
    else:
        _train(fabric, job, plugins, experiment, prepared)


def _train(fabric: Fabric, job: Job, plugins: Plugins, experiment: Experiment, prepared: Prepared) -> None:
    """Train in this process."""
    with stopping() as asked:
        if fabric.is_global_zero:
            journal = Journal(job.folder / "metrics.jsonl")
            with job.observers() as shown, notifying(plugins.manager, shown, journal) as notify:
                train_first(job.folder, fabric, plugins, experiment, prepared, notify, asked)
        else:
            train_along(job.folder, fabric, experiment, prepared, asked)
        fabric.barrier()
