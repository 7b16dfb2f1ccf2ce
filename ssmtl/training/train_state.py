"""What changes while training, on its device."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ssmtl.data.rows import TaskData
from ssmtl.experiment.experiment import Experiment
from ssmtl.model.ema import Ema
from ssmtl.training.render import Shard
from ssmtl.training.schedule import make_optimizer

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass
class TrainState:
    """What changes while training.

    :param model: wrapped by Fabric; `experiment.model` is the module inside.
    :param outside: what may hold parameters or buffers outside the model: balancer and strategies.
    :param skipped: steps so far that changed nothing because something was not finite.
    """

    fabric: "Fabric"
    experiment: Experiment
    data: Mapping[str, TaskData]
    model: nn.Module
    optimizer: torch.optim.Optimizer
    ema: Ema | None
    outside: nn.ModuleList
    shard: Shard
    skipped: int = 0

    def agreed(self, answer: bool) -> bool:
        """Whether `answer` is true in any process; all processes get the same result."""
        if self.shard.world == 1:
            return answer
        highest = self.fabric.all_reduce(torch.tensor(float(answer), device=self.fabric.device), reduce_op="max")
        assert isinstance(highest, Tensor)
        return bool(highest.item())


def make_train_state(fabric: "Fabric", experiment: Experiment, data: Mapping[str, TaskData]) -> TrainState:
    """Moves the experiment to Fabric's device and wraps it."""
    shard = Shard(fabric.global_rank, fabric.world_size)
    outside = nn.ModuleList([experiment.balancer, *(term.strategy for task in experiment.tasks for term in task.terms)])
    fabric.to_device(outside)
    train = experiment.recipe.train
    parameters = [*experiment.model.parameters(), *outside.parameters()]
    optimizer = make_optimizer(parameters, experiment.recipe.optimizer, fused=train.precision != "16-mixed")
    fabric.to_device(experiment.model)
    ema = Ema(experiment.model, train.ema) if train.ema is not None else None
    model, optimizer = fabric.setup(experiment.model, optimizer)
    return TrainState(fabric, experiment, data, model, optimizer, ema, outside, shard)


def average_outside(state: TrainState) -> None:
    """Average the gradients outside the model, which DDP does not handle, over the processes."""
    for parameter in state.outside.parameters() if state.shard.world > 1 else ():
        if parameter.grad is not None:
            reduced = state.fabric.all_reduce(parameter.grad, reduce_op="mean")
            assert isinstance(reduced, Tensor)
            parameter.grad = reduced


def steps_per_epoch(state: TrainState) -> int:
    """Steps of one pass over the largest task's training images, labelled or not, whatever its strategies use.

    This makes a schedule in epochs the same for a method and for its supervised baseline.
    """
    passes = []
    for task in state.experiment.tasks:
        data = state.data[task.name]
        images = {*data.labeled.ids, *data.unlabeled.ids}
        passes.append(-(-len(images) // task.spec.batch))
    return max(passes)
