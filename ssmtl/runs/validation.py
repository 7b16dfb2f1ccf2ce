"""Validation during training, and the two sets of weights that are kept."""

from ssmtl.evaluation.predict import predict
from ssmtl.evaluation.score import Scores, score, tell_undefined
from ssmtl.evaluation.selection import selection_score
from ssmtl.events import CheckpointSaved, Evaluated
from ssmtl.experiment.attribution import attributed
from ssmtl.model.weights import save_weights
from ssmtl.runs.early_stopping import is_over, waited_after
from ssmtl.runs.files import BestSoFar, Selected, Waited
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.observers import Observers
from ssmtl.runs.trained_by import TrainedBy
from ssmtl.training.callback import Callback
from ssmtl.training.train_state import TrainState


class Validation(Callback):
    """Validates when it is time, keeps the best weights and the last, and says when to stop early.

    :ivar step: the last that was trained.
    """

    def __init__(self, folder: RunFolder, state: TrainState, observers: Observers, origin: TrainedBy) -> None:
        self.folder, self.state, self.observers, self.origin = folder, state, observers, origin
        self.recipe = state.experiment.recipe
        self.best, self.told = BestSoFar(), set[str]()
        self.waited, self.step = Waited(), 0
        self.model = state.ema.model if state.ema else state.experiment.model

    @property
    def selected(self) -> Selected:
        """Which weights are kept; the last ones if validation has no score to select by."""
        by = self.recipe.train.select_by if self.best.score is not None else "last"
        return Selected(by=by, step=self.best.step, score=self.best.score)

    def after_step(self, step: int, *, last: bool) -> None:
        """Evaluate on validation images; save the weights if they are the best, and if they are the last."""
        train, self.step = self.recipe.train, step
        if step % train.evaluate_every and step != train.steps:
            return
        with attributed(self.state.experiment, f"in the validation after step {step}", self.model):
            scores = self._scores()
        for task, one in scores.items():
            tell_undefined(task, "validation", one, self.told)
        number = selection_score(scores.values())
        self.waited = waited_after(self.waited, number, train.early_stopping)
        ended = step == train.steps or self.has_enough()
        if train.select_by == "validation":
            best = number is not None and (self.best.score is None or number > self.best.score)
            best = best or (ended and self.best.score is None)  # nothing could select: the last weights are kept
        else:
            best = ended
        values = {task: dict(one.values) for task, one in scores.items()}
        if best:
            self.best = BestSoFar(score=number, step=step, values=values)
            self._save("best", step)
        if ended:
            self._save("last", step)
        flat = {f"{task}.{name}": value for task, one in values.items() for name, value in one.items()}
        self.observers.evaluated(Evaluated(step, "validation", flat, number, best))

    def has_enough(self) -> bool:
        """Whether validation has not improved for as long as the recipe waits."""
        return is_over(self.waited, self.recipe.train.early_stopping)

    def _scores(self) -> dict[str, Scores]:
        """By task, for those that have metrics and validation images."""
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
            **self.origin.facts(),
        }
        save_weights(path, self.model, facts)
        self.observers.checkpoint_saved(CheckpointSaved(step, which, path))
