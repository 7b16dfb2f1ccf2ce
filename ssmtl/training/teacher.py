"""What a strategy may ask of its own task before the step: logits that give no parameter a gradient."""

from typing import Literal

import torch

from ssmtl.contracts.shapes import Images, Logits
from ssmtl.contracts.strategy import Strategy, TaskPredictor
from ssmtl.errors import RunError
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.training.train_state import TrainState


def predictor_of(state: TrainState, task: str, strategy: Strategy) -> TaskPredictor:
    """Predicts the task's logits for one of its strategies, with the trained or the averaged weights."""

    def model_of(weights: Literal["student", "ema"]) -> MultiTaskModel:
        if weights == "student":
            return state.experiment.model
        average = state.teacher(strategy.teacher_decay)
        if average is None:
            raise RunError(f"task '{task}' asks for the averaged weights as teacher, but the recipe has no train.ema")
        return average.model

    def predict(
        images: Images,
        *,
        weights: Literal["student", "ema"] = "student",
        training: bool = False,
        differentiable: bool = False,
    ) -> Logits:
        model = model_of(weights)
        if differentiable:
            with torch.enable_grad():
                return model.predictor(task)(images)
        rows = state.rows or len(images)
        if not training:
            return torch.cat([model.predictor(task)(some) for some in torch.split(images, rows)])
        with state.fabric.autocast(), torch.no_grad(), model.with_dropout():
            return torch.cat([model.logits(task, some).float() for some in torch.split(images, rows)])

    return predict
