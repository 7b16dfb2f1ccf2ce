"""Validation while training, and the two sets of weights that are kept."""

from collections.abc import Mapping
from typing import Any

from ssmtl.evaluation.predict import predict
from ssmtl.evaluation.score import Scores, score
from ssmtl.evaluation.selection import selection_score
from ssmtl.events import CheckpointSaved, Evaluated
from ssmtl.model.weights import save_weights
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.observers import Observers
from ssmtl.training.callback import Callback
from ssmtl.training.train_state import TrainState


class Validation(Callback):
    """Validates when it is time, and keeps the best weights and the last."""

    def __init__(self, folder: RunFolder, state: TrainState, observers: Observers) -> None:
        self.folder, self.state, self.observers = folder, state, observers
        self.recipe = state.experiment.recipe
        self.best_score: float | None = None
        self.best_step = 0
        self.best_values: Mapping[str, Mapping[str, float]] = {}
        self.model = state.ema.model if state.ema else state.experiment.model

    def saved(self) -> dict[str, Any]:
        """What a checkpoint must keep, as plain data."""
        return {"score": self.best_score, "step": self.best_step, "values": self.best_values}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Put back what `saved` gave."""
        self.best_score, self.best_step, self.best_values = saved["score"], saved["step"], saved["values"]

    def after_step(self, step: int, *, last: bool) -> None:
        """Evaluate on validation images; save the weights if they are the best, and if they are the last."""
        train = self.recipe.train
        ended = step == train.steps
        if step % train.evaluate_every and not ended:
            return
        scores = self._scores()
        number = selection_score(scores.values())
        if train.select_by == "validation":
            best = number is not None and (self.best_score is None or number > self.best_score)
        else:
            best = ended
        values = {task: one.values for task, one in scores.items()}
        if best:
            self.best_score, self.best_step, self.best_values = number, step, values
            self._save("best", step)
        if ended:
            self._save("last", step)
        flat = {f"{task}.{name}": value for task, one in values.items() for name, value in one.items()}
        self.observers.evaluated(Evaluated(step, "validation", flat, number, best))

    def _scores(self) -> dict[str, Scores]:
        """By task, of those that have metrics and validation images."""
        device, data = self.state.fabric.device, self.state.data
        return {
            task.name: score(task, predict(self.model, task, data[task.name].val, device))
            for task in self.state.experiment.tasks
            if len(data[task.name].val) and task.metrics
        }

    def _save(self, which: str, step: int) -> None:
        path = self.folder.weights(which)
        facts = {
            "step": str(step),
            "recipe_hash": self.recipe.digest(),
            "ema": str(self.state.ema is not None).lower(),
        }
        save_weights(path, self.model, facts)
        self.observers.checkpoint_saved(CheckpointSaved(step, which, path))
