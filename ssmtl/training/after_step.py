"""After a step: strategies and the balancer remember what all processes saw."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ssmtl.contracts.balancer import Balancer
from ssmtl.contracts.strategy import Strategy
from ssmtl.contracts.view import Batch, View
from ssmtl.experiment.passes import passes
from ssmtl.training.seen import Seen
from ssmtl.training.train_state import TrainState


@torch.no_grad()
def remember(state: TrainState, seen: Seen, losses: Mapping[str, Tensor], progress: float) -> None:
    """Calls every `after_step` that a component defines. :param losses: of the step, by task.

    Each process gathers what it needs from the others, so that all remember the same.
    """
    for name, part in seen.parts.items():
        strategy, batch = part.term.strategy, part.batch
        if type(strategy).after_step is not Strategy.after_step:
            gathered = Batch({}, _gathered(state, batch.targets), {}, _gathered(state, batch.samples))
            strategy.after_step(gathered, _gathered(state, seen.outputs(name)), progress)
    balancer = state.experiment.balancer
    if type(balancer).after_step is not Balancer.after_step:
        if balancer.wants_new_losses:
            losses = _again(state, seen, progress)
        values = state.averaged(torch.stack([loss.detach().float() for loss in losses.values()]))
        balancer.after_step(dict(zip(losses, values, strict=True)))


def _again(state: TrainState, seen: Seen, progress: float) -> dict[str, Tensor]:
    """The tasks' losses on the same rows with the weights that the step led to."""
    losses: dict[str, Tensor] = {}
    model = state.experiment.model
    with model.with_dropout():
        for one in passes([*seen.parts.values()], state.rows):
            with state.fabric.autocast():
                decoded = model.decoded(one.rows)
            for part in one.parts:
                outputs = one.outputs_of(part, decoded, model, state.fabric.autocast)
                owner = state.experiment.recipe.balanced(part.task.name, part.term.name)
                loss = one.share * part.term.entry.weight_at(progress) * part.loss(outputs, progress)
                losses[owner] = losses[owner] + loss if owner in losses else loss
    return losses


def _gathered(state: TrainState, rows: Mapping[View, Tensor]) -> dict[View, Tensor]:
    """The rows of all processes, in the order in which one process has them."""
    if state.shard.world == 1:
        return dict(rows)
    result = {}
    for view, own in rows.items():
        parts = state.fabric.all_gather(own.contiguous())
        assert isinstance(parts, Tensor)
        result[view] = parts.flatten(0, 1)
    return result
