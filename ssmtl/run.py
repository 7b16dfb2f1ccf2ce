"""One run: its folder, what is written there and when."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.multiprocessing.spawn import ProcessRaisedException

from ssmtl import yaml_file
from ssmtl.assemble import Experiment, assemble
from ssmtl.data.folders import Folders
from ssmtl.data.prepare import Prepared, prepare
from ssmtl.data.split import write_split
from ssmtl.engine import fit, make_learner
from ssmtl.environment import environment
from ssmtl.errors import RunError, SsmtlError
from ssmtl.events import RunEnded, RunStarted
from ssmtl.finish import finish
from ssmtl.journal import Journal, without_nan
from ssmtl.keeper import Keeper
from ssmtl.notify import notifying
from ssmtl.plan import plan_of
from ssmtl.plugins import Plugins, load_plugins
from ssmtl.recipe import Recipe
from ssmtl.whole_file import write_text


def nobody() -> AbstractContextManager[list[object]]:
    """No observers."""
    return nullcontext([])


@dataclass(frozen=True)
class Job:
    """What a process needs to know to train; picklable.

    :param observers: made in the process that reports, and closed there however the run ends.
    """

    recipe: Recipe
    folder: Path
    folders: Folders
    local_plugins: tuple[Path, ...] = ()
    observers: Callable[[], AbstractContextManager[list[object]]] = nobody
    command: tuple[str, ...] = ()


def check_free(folder: Path) -> None:
    """:raises RunError: if the folder holds a run, or it or a folder above it is a file."""
    for path in (folder, *folder.parents):
        if path.is_file():
            raise RunError(f"{path} is a file; --out names the run's folder")
    for name in ("recipe.yaml", "metrics.jsonl", "results.json"):
        if (folder / name).exists():
            raise RunError(f"{folder} already holds a run ({name}); give another --out, or remove it")


def execute(job: Job, plugins: Plugins, experiment: Experiment, prepared: Prepared) -> dict[str, Any]:
    """Write the run's folder, train in one process or several, and return results.json.

    :raises RunError: if the folder holds a run, or the device, precision or loss does not allow to go on.
    """
    check_free(job.folder)
    fabric = make_fabric(job.recipe)
    job.folder.mkdir(parents=True, exist_ok=True)
    write_text(job.folder / "recipe.yaml", yaml_file.dump(job.recipe.content()))
    write_split(job.folder / "split.json", prepared.splits, job.recipe.seed)
    facts = environment(plugins, str(fabric.device), list(job.command), str(job.folders.base()[0]))
    write_text(job.folder / "environment.json", json.dumps(facts, indent=1))
    if job.recipe.train.devices == 1:
        fabric.launch()
        _train(fabric, job, plugins, experiment, prepared)
    else:
        _launch(fabric, job)
    result: dict[str, Any] = json.loads((job.folder / "results.json").read_text(encoding="utf-8"))
    return result


def make_fabric(recipe: Recipe) -> Fabric:
    """:raises RunError: if this machine lacks the device, or the device the precision."""
    train = recipe.train
    strategy = "auto" if train.devices == 1 else "ddp_spawn"
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
    """:raises RunError: what the user can mend of what went wrong in a spawned process."""
    mistakes = multiprocessing.get_context("spawn").SimpleQueue()
    try:
        fabric.launch(partial(_train_again, job=job, mistakes=mistakes))
    except ProcessRaisedException as error:
        if mistakes.empty():
            raise
        raise RunError(mistakes.get()) from error


def _train_again(fabric: Fabric, job: Job, mistakes: "SimpleQueue[str]") -> None:
    """A spawned process builds everything anew; the split is read from the run folder."""
    try:
        _build_and_train(fabric, job)
    except SsmtlError as error:
        mistakes.put(str(error))
        raise


def _build_and_train(fabric: Fabric, job: Job) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // fabric.world_size))
    plugins = load_plugins(job.local_plugins)
    experiment = assemble(job.recipe, plugins)
    prepared = prepare(experiment, plugins, job.folders, split_file=job.folder / "split.json")
    _train(fabric, job, plugins, experiment, prepared)


def _train(fabric: Fabric, job: Job, plugins: Plugins, experiment: Experiment, prepared: Prepared) -> None:
    """Train in this process; the first one validates, writes and tells the observers."""
    learner = make_learner(fabric, experiment, prepared.tasks)
    if not fabric.is_global_zero:
        fit(learner, lambda _: None, lambda _: fabric.barrier())
        fabric.barrier()
        return
    began = time.perf_counter()
    journal = Journal(job.folder / "metrics.jsonl")
    with job.observers() as shown, notifying(plugins.manager, [journal, *shown]) as notify:
        plan = plan_of(experiment, prepared.tasks)
        keeper = Keeper(job.folder, learner, notify)
        notify.send("run_started", run=RunStarted(job.recipe.name, job.folder, job.recipe.train.steps, plan))

        def evaluated(step: int) -> None:
            keeper.validate(step)
            fabric.barrier()

        fit(learner, lambda step: notify.send("step_ended", step=step), evaluated)
        results = finish(job.folder, learner, prepared, keeper, plan["parameters"], notify)
        results["seconds"] = round(time.perf_counter() - began, 1)
        write_text(job.folder / "results.json", json.dumps(without_nan(results), indent=1))
        notify.send("run_ended", run=RunEnded(job.folder, results, results["seconds"]))
    fabric.barrier()
