"""What changes while training, on its device."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ssmtl.assemble import Experiment
from ssmtl.data.dataset import TaskData
from ssmtl.ema import Ema
from ssmtl.errors import RunError
from ssmtl.render import Shard
from ssmtl.schedule import make_optimizer


@dataclass
class Learner:
    """What changes while training.

    :param model: as Fabric wrapped it; `experiment.model` is the same module inside.
    :param outside: what holds parameters or buffers outside the model: balancer and strategies.
    """

    fabric: Fabric
    experiment: Experiment
    data: Mapping[str, TaskData]
    model: nn.Module
    optimizer: torch.optim.Optimizer
    ema: Ema | None
    outside: nn.ModuleList
    shard: Shard

    def agreed(self, answer: bool) -> bool:
        """Whether any process says so; the same in all of them."""
        if self.shard.world == 1:
            return answer
        found = self.fabric.all_reduce(torch.tensor(float(answer), device=self.fabric.device), reduce_op="max")
        assert isinstance(found, Tensor)
        return bool(found.item())


def make_learner(fabric: Fabric, experiment: Experiment, data: Mapping[str, TaskData]) -> Learner:
    """Moves the experiment to Fabric's device and wraps it.

    :raises RunError: if a batch does not divide among the processes.
    """
    shard = Shard(fabric.global_rank, fabric.world_size)
    for task in experiment.tasks:
        for pool in {view.pool for view in task.views}:
            if task.rows(pool) % shard.world:
                raise RunError(
                    f"task '{task.name}': {task.rows(pool)} {pool} rows a step do not divide "
                    f"among {shard.world} devices"
                )
    outside = nn.ModuleList([experiment.balancer, *(term.strategy for task in experiment.tasks for term in task.terms)])
    fabric.to_device(outside)
    train = experiment.recipe.train
    parameters = [*experiment.model.parameters(), *outside.parameters()]
    optimizer = make_optimizer(parameters, experiment.recipe.optimizer, fused=train.precision != "16-mixed")
    fabric.to_device(experiment.model)
    ema = Ema(experiment.model, train.ema) if train.ema is not None else None
    model, optimizer = fabric.setup(experiment.model, optimizer)
    return Learner(fabric, experiment, data, model, optimizer, ema, outside, shard)


def steps_an_epoch(learner: Learner) -> int:
    """Steps in one pass over the largest task's training images, labelled or not, whatever its strategies draw.

    So a schedule in epochs is the same for a method and for its supervised baseline.
    """
    passes = []
    for task in learner.experiment.tasks:
        data = learner.data[task.name]
        images = {*data.labeled.ids, *data.unlabeled.ids}
        passes.append(-(-len(images) // task.spec.batch))
    return max(passes)
