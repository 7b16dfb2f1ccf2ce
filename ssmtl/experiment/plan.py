"""What a run is going to do, as data: printed by `ssmtl check` and `ssmtl run`, saved in the run folder."""

from collections.abc import Mapping
from typing import Any

import torch

from ssmtl.data.joined_rows import of_others
from ssmtl.data.task_data import TaskData
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.memory import bytes_per_row
from ssmtl.experiment.micro_batch import rows_of_a_pass
from ssmtl.experiment.task import Task
from ssmtl.recipe.components import Ramp


def plan_of(experiment: Experiment, data: Mapping[str, TaskData] | None = None) -> dict[str, Any]:
    """Tasks, views, rows of a step and, on a CPU, of one pass, parameters; with `data`, the numbers of images too."""
    recipe = experiment.recipe
    parameters = sum(parameter.numel() for parameter in experiment.model.parameters())
    tasks = {task.name: _task(task, data[task.name] if data is not None else None) for task in experiment.tasks}
    rows, limit = experiment.rows, rows_of_a_pass(experiment, torch.device("cpu"))
    return {
        "name": recipe.name,
        "seed": recipe.seed,
        "recipe_hash": recipe.digest(),
        "image": " × ".join(map(str, recipe.image.shape)),
        **({"fit": "pad"} if recipe.image.fit == "pad" else {}),
        **({"fold": f"fold {recipe.test_fold[0]} of {recipe.test_fold[1]}"} if recipe.test_fold else {}),
        "backbone": recipe.backbone.use,
        "balancer": recipe.balancer.use,
        "parameters": parameters,
        "steps": recipe.train.steps,
        "rows_per_step": rows,
        "rows_per_pass": min(rows, limit or rows),
        "megabytes": round(bytes_per_row(experiment) * min(rows, limit or rows) / 1e6),
        "optimizer": f"{recipe.optimizer.use}, learning rate {recipe.optimizer.lr:g}, schedule {recipe.schedule.use}",
        "select_by": recipe.train.select_by,
        **({"early_stopping": early.model_dump()} if (early := recipe.train.early_stopping) else {}),
        "ema": recipe.train.ema,
        "tasks": tasks,
    }


def _task(task: Task, data: TaskData | None) -> dict[str, Any]:
    spec = task.spec
    plan: dict[str, Any] = {
        "source": spec.source,
        "kind": task.output.kind,
        "classes": list(task.output.classes),
        **({"exclusive": True} if task.output.exclusive else {}),
        "head": spec.head.use,
        "bridge": spec.bridge.use if spec.bridge else None,
        "labeled": spec.labeled if task.output.has_labels else None,
        "strategies": {term.name: _weight(term.entry.weight) for term in task.terms},
        "views": {str(view): task.rows(view.pool) for view in task.views},
        "unlabeled_from": list(spec.unlabeled_from),
        "unlabeled_includes_labeled": spec.includes_labeled,
        "evaluate_on": dict(spec.evaluate_on),
    }
    if data is not None:
        images = {"labeled": len(data.labeled), "unlabeled": len(data.unlabeled), "val": len(data.val)}
        images.update({domain: len(rows) for domain, rows in data.test.items()})
        plan["images"] = images
        plan["unlabeled_of"] = of_others(spec.source, data.unlabeled)
        plan["left_out"] = sum(data.left_out.values())
        plan["labeled_classes"] = labeled_classes(task, data)
        plan["known"] = data.labeled.known(task.output)
    return plan


def labeled_classes(task: Task, data: TaskData) -> dict[str, int]:
    """How many labelled images each class has; empty for masks and numbers."""
    targets = data.labeled.targets
    if targets is None or task.output.kind == "numbers":
        return {}
    counts = targets.bincount(minlength=len(task.output.classes)) if targets.ndim == 1 else targets.nansum(0)
    return {name: int(count) for name, count in zip(task.output.classes, counts, strict=True)}


def _weight(weight: float | Ramp) -> str:
    return f"0 → {weight.to:g} over {weight.until:.0%}" if isinstance(weight, Ramp) else f"{weight:g}"
