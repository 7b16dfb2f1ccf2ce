"""A training step without any of the engine's savings, to measure these against, and to check its mathematics.

It follows the schedule of the public script of MultiMix's authors: each view of each task passes through the whole
network by itself, the encoder and every task's bridge and head, whether or not a loss reads what comes out;
pseudo-labels take a further such pass; one backward pass follows. Its network is the recipe's own, with the layers that
PyTorch has.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ssmtl.contracts.random_stream import key
from ssmtl.contracts.shapes import Images, Logits
from ssmtl.experiment.task import Task
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.training.render import render
from ssmtl.training.train_state import TrainState


def reference_step(state: TrainState, step: int) -> Tensor:
    """The total loss; afterwards the weights are those after `training_step`, to 1e-5 if there is no dropout.

    :raises TypeError: if a strategy asks for more than the logits of its views.
    """
    experiment, seed = state.experiment, state.experiment.recipe.seed
    progress, model = step / experiment.recipe.train.steps, experiment.model
    torch.manual_seed(key(seed, "dropout", step, state.shard.rank) % 2**63)
    model.train()
    losses: dict[str, Tensor] = {}
    for task in experiment.tasks:
        batch, _ = render(task, state.data[task.name], seed, step, state.fabric.device, state.shard)
        for term in task.terms:
            own = term.strategy.prepare(batch.keep(term.strategy.views), _Pass(model, task))
            outputs: Mapping = {view: _whole(model, task, images) for view, images in own.images.items()}
            loss = term.entry.weight_at(progress) * term.strategy.loss(own, outputs, progress)  # type: ignore[arg-type]
            name = experiment.recipe.balanced(task.name, term.name)
            losses[name] = losses[name] + loss if name in losses else loss
    total: Tensor = experiment.balancer(losses)
    state.optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    if experiment.recipe.train.clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), experiment.recipe.train.clip)
    state.optimizer.step()
    for average in state.averages():
        average.update(model, step)
    return total.detach()


def _whole(model: MultiTaskModel, task: Task, images: Images) -> Logits:
    """One task's logits, after a pass through everything."""
    encoded = model.encode_for(task.name, images)
    decoded = {name: model.decode(name, images, encoded) for name, _ in model.heads.items()}
    return decoded[task.name].logits.float()


class _Pass:
    """The task's predictor, by a pass through everything, in training mode if it is asked for."""

    def __init__(self, model: MultiTaskModel, task: Task) -> None:
        self.model, self.task = model, task

    def __call__(self, images: Images, *, weights: str = "student", training: bool = False, **_options: bool) -> Logits:
        if weights != "student" or not training:
            raise TypeError("the reference step knows predictions of the trained weights in training mode only")
        return _whole(self.model, self.task, images).detach()


def with_plain_layers(module: nn.Module) -> nn.Module:
    """Normalisation and dropout as PyTorch's layers of that name, in place; without parameters, as they were."""
    for name, child in module.named_children():
        if isinstance(child, nn.GroupNorm) and child.num_groups == child.num_channels and not child.affine:
            setattr(module, name, nn.InstanceNorm2d(child.num_channels))
        elif type(child).__name__ == "Dropout" and isinstance(rate := getattr(child, "rate", None), float):
            setattr(module, name, nn.Dropout(rate))
        else:
            with_plain_layers(child)
    return module
