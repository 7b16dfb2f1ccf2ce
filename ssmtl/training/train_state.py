"""What changes while training, on its device."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from ssmtl.data.task_data import TaskData
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.begin import begin
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.micro_batch import rows_of_a_pass
from ssmtl.experiment.references import tell_augmentations
from ssmtl.model.coupled_rows import running_statistics
from ssmtl.model.ema import Ema
from ssmtl.training.render import Shard
from ssmtl.training.schedule import make_optimizer

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass
class TrainState:
    """What changes while training.

    :param ema: the average that is evaluated. :param teachers: by decay, further ones that strategies ask for.
    :param outside: what may hold parameters or buffers outside the model: balancer and strategies.
    :param rows: the most rows that pass through the network together, if they can be taken apart; None: all at once.
    :param skipped: steps so far that changed nothing because something was not finite.
    """

    fabric: "Fabric"
    experiment: Experiment
    data: Mapping[str, TaskData]
    optimizer: torch.optim.Optimizer
    ema: Ema | None
    teachers: Mapping[float, Ema]
    outside: nn.ModuleList
    shard: Shard
    rows: int | None = None
    skipped: int = 0

    def named_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """All that are trained."""
        return [*self.experiment.model.named_parameters(), *self.outside.named_parameters()]

    def parameters(self) -> list[nn.Parameter]:
        """All that are trained."""
        return [parameter for _, parameter in self.named_parameters()]

    def averaged(self, values: Tensor) -> Tensor:
        """The mean over the processes; all get the same."""
        if self.shard.world == 1:
            return values
        reduced = self.fabric.all_reduce(values, reduce_op="mean")
        assert isinstance(reduced, Tensor)
        return reduced

    def averages(self) -> list[Ema]:
        """All moving averages of the network."""
        return [*([] if self.ema is None else [self.ema]), *self.teachers.values()]

    def teacher(self, decay: float | None) -> Ema | None:
        """The moving average with this decay. :param decay: None: the recipe's."""
        return self.ema if decay is None or (self.ema and self.ema.decay == decay) else self.teachers[decay]

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
    with attributed(experiment, "before the training"):
        begin(experiment, data)
        tell_augmentations(experiment, data, fabric.device)
    fabric.to_device(outside)
    train = experiment.recipe.train
    parameters = [*experiment.model.parameters(), *outside.parameters()]
    optimizer = make_optimizer(parameters, experiment.recipe.optimizer, fused=train.precision != "16-mixed")
    fabric.to_device(experiment.model)
    ema = Ema(experiment.model, train.ema) if train.ema is not None else None
    decays = {term.strategy.teacher_decay for task in experiment.tasks for term in task.terms} - {None, train.ema}
    teachers = {decay: Ema(experiment.model, decay) for decay in sorted(one for one in decays if one is not None)}
    optimizer = cast(torch.optim.Optimizer, fabric.setup_optimizers(optimizer))
    rows = rows_of_a_pass(experiment, fabric.device)
    return TrainState(fabric, experiment, data, optimizer, ema, teachers, outside, shard, rows)


def average_over_processes(state: TrainState, total: Tensor) -> Tensor:
    """Average gradients and running statistics over the processes, in one message; returns the mean total loss.

    Where no process has a gradient, there is none.
    """
    if state.shard.world == 1:
        return total
    parameters, statistics = state.parameters(), [*running_statistics(state.experiment.model)]
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
    given = torch.tensor([float(one.grad is not None) for one in parameters], device=state.fabric.device)
    values = [total, given, *gradients, *statistics]
    reduced = state.averaged(torch.cat([one.flatten() for one in values]))
    total, given, *averages = torch.split(reduced, [one.numel() for one in values])
    for parameter, average, there in zip(parameters, averages, (given > 0).tolist(), strict=False):
        parameter.grad = average.view_as(parameter) if there else None
    for statistic, average in zip(statistics, averages[len(parameters) :], strict=True):
        statistic.copy_(average.view_as(statistic))
    return total.squeeze(0)


def steps_per_epoch(state: TrainState) -> int:
    """Steps of one pass over the largest task's training images, labelled or not, whatever its strategies use.

    This makes a schedule in epochs the same for a method and for its supervised baseline.
    """
    passes = []
    for task in state.experiment.tasks:
        data = state.data[task.name]
        images = {*data.labeled.keys.tolist(), *data.unlabeled.keys.tolist()}
        passes.append(-(-len(images) // task.spec.batch))
    return max(passes)
