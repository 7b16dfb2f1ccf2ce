"""The part of a step that no engine can leave out: network, losses, backward pass, optimiser."""

from collections.abc import Callable

import torch
from torch import Tensor

from ssmtl.experiment.passes import passes, prepared
from ssmtl.training.render import render
from ssmtl.training.task_gradients import TaskGradients
from ssmtl.training.teacher import predictor_of
from ssmtl.training.train_state import TrainState


def bare_step(state: TrainState) -> Callable[[TrainState, int], Tensor]:
    """A step on one batch, rendered and prepared once: without sampling, augmentation, pseudo-labels, checks, log."""
    experiment, parts = state.experiment, []
    for task in experiment.tasks:
        batch, _ = render(task, state.data[task.name], 0, 0, state.fabric.device, state.shard)
        parts += [prepared(task, term, batch, predictor_of(state, task.name, term.strategy)) for term in task.terms]

    def take(state: TrainState, step: int) -> Tensor:
        experiment.model.train()
        gradients = TaskGradients(state)
        for one in passes(parts, state.rows):
            decoded = experiment.model.decoded(one.rows)
            weighted: dict[str, Tensor] = {}
            for part in one.parts:
                loss = part.term.strategy.loss(part.batch, one.outputs_of(part, decoded, experiment.model), 0.0)
                owner = experiment.recipe.balanced(part.task.name, part.term.name)
                weighted[owner] = (
                    weighted.get(owner, torch.zeros(())) + one.share * part.term.entry.weight_at(0.5) * loss
                )
            gradients.add(weighted)
        total = gradients.combine(experiment.balancer, step)
        state.optimizer.step()
        return total

    return take
