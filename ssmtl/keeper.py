"""Validation while training, and the two sets of weights that are kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssmtl.evaluate import predict, score, selection_score
from ssmtl.events import CheckpointSaved, Evaluated
from ssmtl.learner import Learner
from ssmtl.notify import Notifier
from ssmtl.weights import save_weights


class Keeper:
    """Validates, and keeps the best weights and the last."""

    def __init__(self, folder: Path, learner: Learner, notify: Notifier) -> None:
        self.folder, self.learner, self.notify = folder, learner, notify
        self.recipe = learner.experiment.recipe
        self.best_score: float | None = None
        self.best_step = 0
        self.best_values: Mapping[str, Mapping[str, float]] = {}
        self.model = learner.ema.model if learner.ema else learner.experiment.model

    def state(self) -> dict[str, Any]:
        """Plain data."""
        return {"score": self.best_score, "step": self.best_step, "values": self.best_values}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave."""
        self.best_score, self.best_step, self.best_values = state["score"], state["step"], state["values"]

    def validate(self, step: int) -> None:
        """Evaluate on validation images; save the weights if they are the best, and if they are the last."""
        train, experiment = self.recipe.train, self.learner.experiment
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
            best = last if train.select_by == "last" else self.best_step == 0
        if best:
            self.best_score, self.best_step, self.best_values = number, step, values
            self._save("best", step)
        if last:
            self._save("last", step)
        flat = {f"{task}.{name}": value for task, found in values.items() for name, value in found.items()}
        self.notify.evaluated(Evaluated(step, "validation", flat, number, best))

    def _save(self, which: str, step: int) -> None:
        path = self.folder / "weights" / f"{which}.safetensors"
        facts = {
            "step": str(step),
            "recipe_hash": self.recipe.digest(),
            "ema": str(self.learner.ema is not None).lower(),
        }
        save_weights(path, self.model, facts)
        self.notify.checkpoint_saved(CheckpointSaved(step, which, path))
