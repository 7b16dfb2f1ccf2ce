"""One run: its folder, what is written there and when."""

import json
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Mapping
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
from ssmtl.checkpoint import load_weights, save_weights
from ssmtl.data.folders import Folders
from ssmtl.data.prepare import Prepared, prepare
from ssmtl.data.split import write_split
from ssmtl.engine import Learner, fit, make_learner
from ssmtl.environment import environment
from ssmtl.errors import RunError, SsmtlError
from ssmtl.evaluate import predict, score, selection_score
from ssmtl.events import CheckpointSaved, Evaluated, RunEnded, RunStarted
from ssmtl.journal import Journal, without_nan
from ssmtl.plan import labeled_classes, plan_of
from ssmtl.plugins import Plugins, load_plugins
from ssmtl.recipe import Recipe
from ssmtl.record import write_per_image, write_predictions


@dataclass(frozen=True)
class Job:
    """What a process needs to know to train; picklable.

    :param observers: made in the process that reports.
    """

    recipe: Recipe
    folder: Path
    folders: Folders
    local_plugins: tuple[Path, ...] = ()
    observers: Callable[[], list[object]] = list
    command: tuple[str, ...] = ()


def check_free(folder: Path) -> None:
    """:raises RunError: if the folder holds a run, or is a file."""
    if folder.is_file():
        raise RunError(f"{folder} is a file; --out names the run's folder")
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
    began = time.perf_counter()
    learner = make_learner(fabric, experiment, prepared.tasks)
    notify = _Notifier(
        plugins, [Journal(job.folder / "metrics.jsonl"), *job.observers()] if fabric.is_global_zero else []
    )
    plan = plan_of(experiment, prepared.tasks)
    keeper = _Keeper(job, learner, notify)
    if fabric.is_global_zero:
        notify.send("run_started", run=RunStarted(job.recipe.name, job.folder, job.recipe.train.steps, plan))

    def evaluated(step: int) -> None:
        if fabric.is_global_zero:
            keeper.validate(step)
        fabric.barrier()

    fit(learner, lambda step: notify.send("step_ended", step=step) if fabric.is_global_zero else None, evaluated)
    if fabric.is_global_zero:
        results = _finish(job, learner, prepared, keeper, plan, notify)
        results["seconds"] = round(time.perf_counter() - began, 1)
        write_text(job.folder / "results.json", json.dumps(without_nan(results), indent=1))
        notify.send("run_ended", run=RunEnded(job.folder, results, results["seconds"]))
    fabric.barrier()


class _Notifier:
    """Tells observers; one that raises is named once and left out, and never ends a run."""

    def __init__(self, plugins: Plugins, observers: list[object]) -> None:
        self.manager = plugins.manager
        self.active = bool(observers)
        self.failed: set[str] = set()
        for observer in observers:
            self.manager.register(observer)

    def send(self, hook: str, **event: Any) -> None:
        if not self.active:
            return
        for implementation in getattr(self.manager.hook, f"ssmtl_{hook}").get_hookimpls():
            if implementation.plugin_name in self.failed:
                continue
            try:
                implementation.function(**event)
            except Exception as error:  # noqa: BLE001 - whatever an observer raises, the run goes on
                self.failed.add(implementation.plugin_name)
                warnings.warn(
                    f"the observer '{implementation.plugin_name}' failed in ssmtl_{hook} and is left out: {error!r}",
                    stacklevel=2,
                )


class _Keeper:
    """Validates, and keeps the best weights and the last."""

    def __init__(self, job: Job, learner: Learner, notify: _Notifier) -> None:
        self.job, self.learner, self.notify = job, learner, notify
        self.best_score: float | None = None
        self.best_step = 0
        self.best_values: Mapping[str, Mapping[str, float]] = {}
        self.model = learner.ema.model if learner.ema else learner.experiment.model

    def validate(self, step: int) -> None:
        """Evaluate on validation images; save the weights if they are the best, and if they are the last."""
        train, experiment = self.job.recipe.train, self.learner.experiment
        values = {}
        for task in experiment.tasks:
            rows = self.learner.data[task.name].val
            if len(rows) and task.metrics:
                values[task.name] = score(task, predict(self.model, task, rows, self.learner.fabric.device)).values
        tasks = tuple(task for task in experiment.tasks if task.name in values)
        number = selection_score(values, tasks) if values else None
        last = step == train.steps
        if train.select_by == "validation":
            best = number is not None and (self.best_score is None or number > self.best_score)
        else:
            best = last
        if best:
            self.best_score, self.best_step, self.best_values = number, step, values
            self._save("best", step)
        if last:
            self._save("last", step)
        flat = {f"{task}.{name}": value for task, found in values.items() for name, value in found.items()}
        self.notify.send("evaluated", result=Evaluated(step, "validation", flat, number, best))

    def _save(self, which: str, step: int) -> None:
        path = self.job.folder / "weights" / f"{which}.safetensors"
        facts = {
            "step": str(step),
            "recipe_hash": self.job.recipe.digest(),
            "ema": str(self.learner.ema is not None).lower(),
        }
        save_weights(path, self.model, facts)
        self.notify.send("checkpoint_saved", saved=CheckpointSaved(step, which, path))


def _finish(
    job: Job, learner: Learner, prepared: Prepared, keeper: _Keeper, plan: Mapping[str, Any], notify: _Notifier
) -> dict[str, Any]:
    """Evaluate the selected weights on every domain, and write what the figures need."""
    model, recipe, device = keeper.model, job.recipe, learner.fabric.device
    load_weights(job.folder / "weights" / "best.safetensors", model)
    tasks: dict[str, dict[str, dict[str, float]]] = {}
    counts: dict[str, dict[str, dict[str, int]]] = {}
    per_image = {}
    for task in learner.experiment.tasks:
        for domain, rows in learner.data[task.name].test.items():
            predictions = predict(model, task, rows, device)
            scores = score(task, predictions)
            tasks.setdefault(task.name, {})[domain] = dict(scores.values)
            counts.setdefault(task.name, {})[domain] = count_images(
                task.output.kind, predictions.probabilities, predictions.targets
            )
            per_image[task.name, domain] = (predictions.ids, scores)
            write_predictions(
                job.folder / "predictions" / f"{task.name}.{domain}.npz", model, task, rows, predictions, device
            )
            flat = {f"{task.name}.{name}": value for name, value in scores.values.items()}
            notify.send("evaluated", result=Evaluated(keeper.best_step, domain, flat))
    write_per_image(job.folder / "per_image.csv", per_image)
    return {
        "name": recipe.name,
        "seed": recipe.seed,
        "steps": recipe.train.steps,
        "selected": {"by": recipe.train.select_by, "step": keeper.best_step, "score": keeper.best_score},
        "recipe_hash": recipe.digest(),
        "data_fingerprint": ", ".join(f"{name} {found}" for name, found in prepared.fingerprints.items()),
        "parameters": plan["parameters"],
        "tasks": tasks,
        "counts": counts,
        "validation": keeper.best_values,
        "budgets": {
            task.name: {
                "labeled": len(learner.data[task.name].labeled),
                "unlabeled": len(learner.data[task.name].unlabeled),
                "unlabeled_includes_labeled": task.spec.unlabeled_includes_labeled,
                "val": len(learner.data[task.name].val),
                "labeled_classes": labeled_classes(task, learner.data[task.name]),
            }
            for task in learner.experiment.tasks
        },
        "kinds": {task.name: task.output.kind for task in learner.experiment.tasks},
        "classes": {task.name: list(task.output.classes) for task in learner.experiment.tasks},
        "sources": {task.name: dict(task.spec.evaluate_on) for task in learner.experiment.tasks},
        "skipped": prepared.skipped,
    }


def count_images(kind: str, probabilities: torch.Tensor, targets: torch.Tensor) -> dict[str, int]:
    """How many images were scored, and how many masks were empty (a structure and image each)."""
    counts = {"images": len(targets)}
    if kind == "masks":
        reference, predicted = (mask.flatten(2).any(2) for mask in (targets > 0.5, probabilities > 0.5))
        counts["empty_reference"] = int((~reference & predicted).sum())
        counts["empty_prediction"] = int((reference & ~predicted).sum())
        counts["both_empty"] = int((~reference & ~predicted).sum())
    return counts


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
