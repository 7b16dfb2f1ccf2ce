"""The training loop: `fit`, and `training_step`, which shows the whole mathematics of a step in one place."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssmtl.contracts.random_stream import key
from ssmtl.events import StepEnded
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.passes import passes, prepared
from ssmtl.training.after_step import remember
from ssmtl.training.callback import Callback
from ssmtl.training.finite import NotFiniteError, check_finite
from ssmtl.training.render import render
from ssmtl.training.schedule import rate_at
from ssmtl.training.seen import Seen
from ssmtl.training.task_gradients import TaskGradients
from ssmtl.training.teacher import predictor_of
from ssmtl.training.train_state import TrainState, average_over_processes, steps_per_epoch


@dataclass(frozen=True)
class StepResult:
    """What a step computed: the total and, by 'task.strategy', the unweighted losses and the diagnostics.

    :param rows: rows encoded with gradient in this process.
    """

    total: Tensor
    losses: Mapping[str, Tensor]
    diagnostics: Mapping[str, Tensor]
    rows: int


def fit(state: TrainState, callbacks: Sequence[Callback], asked: Callable[[], bool], done: int = 0) -> bool:
    """Train for as many steps as the recipe says, or until a callback has enough; False if a signal stopped it before.

    :param asked: whether this process was asked to stop; all processes stop if one was.
    :param done: steps already trained, before this process.
    """
    recipe = state.experiment.recipe
    train, epoch = recipe.train, steps_per_epoch(state)
    averaged = tuple(average.model for average in state.averages())
    started = time.perf_counter()
    trained = 0.0
    for step in range(done, train.steps):
        if _ends_early(state, callbacks, step, done):
            return True
        began = time.perf_counter()
        rate = rate_at(step, recipe.schedule, train.steps, epoch)
        for group in state.optimizer.param_groups:
            group["lr"] = recipe.optimizer.lr * rate
        every = train.gradient_cosine_every
        compare = every is not None and (step + 1) % every == 0
        logged = (step + 1) % train.log_every == 0 or step == 0 or compare
        try:
            with attributed(state.experiment, f"in step {step + 1}", *averaged, otherwise="the training step"):
                result = training_step(state, step, diagnose=logged, compare=compare)
            trained += time.perf_counter() - began
            if logged:
                speed = result.rows * state.shard.world * (step + 1 - done) / trained
                event = _event(state, step, result, speed, time.perf_counter() - started)
                for callback in callbacks:
                    callback.step_logged(event)
        except NotFiniteError as error:
            for callback in callbacks:
                callback.not_finite(step + 1, error.what)
        stopped = state.agreed(asked())
        for callback in callbacks:
            callback.after_step(step + 1, last=stopped or step + 1 == train.steps)
        if stopped:
            return False
    return True


def _ends_early(state: TrainState, callbacks: Sequence[Callback], step: int, done: int) -> bool:
    """Whether a callback of any process has enough, before step `step`; all processes get the same answer."""
    train = state.experiment.recipe.train
    if train.early_stopping is None or (step % train.evaluate_every and step != done):
        return False
    return state.agreed(any(callback.has_enough() for callback in callbacks))


def training_step(state: TrainState, step: int, *, diagnose: bool = False, compare: bool = False) -> StepResult:
    """One optimiser step. Everything random in it is a pure function of the seed and `step` (dropout also of the rank).

    :param diagnose: whether the strategies are asked for numbers for the log.
    :param compare: whether the tasks' gradients are compared.
    :raises NotFiniteError: in every process, if a loss or gradient in any is not finite; the weights are unchanged.
    """
    experiment, seed = state.experiment, state.experiment.recipe.seed
    progress = step / experiment.recipe.train.steps
    torch.manual_seed(key(seed, "dropout", step, state.shard.rank) % 2**63)
    experiment.model.train()

    parts, truths = [], {}
    for task in experiment.tasks:
        batch, truths[task.name] = render(task, state.data[task.name], seed, step, state.fabric.device, state.shard)
        parts += [prepared(task, term, batch, predictor_of(state, task.name, term.strategy)) for term in task.terms]

    gradients, seen = TaskGradients(state), Seen(parts)
    for one in passes(parts, state.rows):
        with state.fabric.autocast():
            decoded = experiment.model.decoded(one.rows)
        weighted: dict[str, Tensor] = {}
        for part in one.parts:
            outputs = one.outputs_of(part, decoded, experiment.model, state.fabric.autocast)
            owner = experiment.recipe.balanced(part.task.name, part.term.name)
            loss = one.share * part.loss(outputs, progress)
            weighted[owner] = weighted.get(owner, 0) + part.term.entry.weight_at(progress) * loss
            seen.add(part.name, loss, outputs)
        gradients.add(weighted)

    diagnostics = seen.diagnostics(truths) if diagnose else {}
    if compare:
        diagnostics.update(gradients.cosines())
    total = gradients.combine(experiment.balancer, step)
    check_finite(state, average_over_processes(state, total), seen.losses)
    if experiment.recipe.train.clip is not None:
        clip = experiment.recipe.train.clip  # the gradients are finite, which has been read from the device
        state.fabric.clip_gradients(experiment.model, state.optimizer, max_norm=clip, error_if_nonfinite=False)
    state.optimizer.step()
    for average in state.averages():
        average.update(experiment.model, step)
    remember(state, seen, gradients.losses, progress)
    return StepResult(total, seen.losses, diagnostics, seen.rows)


def _event(state: TrainState, step: int, result: StepResult, speed: float, seconds: float) -> StepEnded:
    """Losses are means over the processes; diagnostics are of this one's rows."""
    total, *losses = state.averaged(torch.stack([result.total, *result.losses.values()]).float()).tolist()
    return StepEnded(
        step=step + 1,
        total=total,
        losses=dict(zip(result.losses, losses, strict=True)),
        diagnostics={name: value.item() for name, value in result.diagnostics.items()},
        learning_rate=state.optimizer.param_groups[0]["lr"],
        rows_per_second=speed,
        seconds=seconds,
    )
