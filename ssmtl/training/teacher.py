"""What a strategy may ask of its own task before the step: logits without gradient."""

from typing import Literal

from ssmtl.contracts.shapes import Images, Logits
from ssmtl.contracts.strategy import TaskPredictor
from ssmtl.errors import RunError
from ssmtl.training.train_state import TrainState


def predictor_of(state: TrainState, task: str) -> TaskPredictor:
    """Predicts the task's logits for its strategies, with the trained or the averaged weights."""

    def predict(images: Images, *, weights: Literal["student", "ema"] = "student", training: bool = False) -> Logits:
        if weights == "ema":
            if state.ema is None:
                raise RunError(
                    f"task '{task}' asks for the averaged weights as teacher, but the recipe has no train.ema"
                )
            return state.ema.model.predictor(task)(images)
        if not training:
            return state.experiment.model.predictor(task)(images)
        with state.fabric.autocast():
            return state.experiment.model.logits(task, images).float()

    return predict
