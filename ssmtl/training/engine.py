"""The training loop: `fit`, and `training_step`, which shows the whole mathematics of a step in one place."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssmtl.contracts.random_stream import key
from ssmtl.events import StepEnded
from ssmtl.experiment.attribution import attributed
from ssmtl.training.callback import Callback
from ssmtl.training.finite import NotFiniteError, check_gradients, check_losses
from ssmtl.training.fused import gather, outputs_of, prepared
from ssmtl.training.gradients import gradient_cosines
from ssmtl.training.render import render
from ssmtl.training.schedule import rate_at
from ssmtl.training.teacher import predictor_of
from ssmtl.training.train_state import TrainState, average_outside, steps_per_epoch


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
    """Train for as many steps as the recipe says; False if it was stopped early.

    :param asked: whether this process was asked to stop; all processes stop if one was.
    :param done: steps already trained, before this process.
    """
    recipe = state.experiment.recipe
    train, epoch = recipe.train, steps_per_epoch(state)
    averaged = () if state.ema is None else (state.ema.model,)
    started = time.perf_counter()
    trained = 0.0
    for step in range(done, train.steps):
        began = time.perf_counter()
        rate = rate_at(step, recipe.schedule, train.steps, epoch)
        for group in state.optimizer.param_groups:
            group["lr"] = recipe.optimizer.lr * rate
        every = train.gradient_cosine_every if train.precision == "32" else None  # else Fabric forbids our own backward
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


def training_step(state: TrainState, step: int, *, diagnose: bool = False, compare: bool = False) -> StepResult:
    """One optimiser step. Everything random in it is a pure function of the seed and `step` (dropout also of the rank).

    :param diagnose: whether the strategies are asked for numbers for the log.
    :param compare: whether the tasks' gradients are compared.
    :raises NotFiniteError: in every process, if a loss or gradient in any is not finite; the weights are unchanged.
    """
    experiment, seed = state.experiment, state.experiment.recipe.seed
    progress = step / experiment.recipe.train.steps
    torch.manual_seed(key(seed, "dropout", step, state.shard.rank) % 2**63)
    state.model.train()

    parts, truths = [], {}
    for task in experiment.tasks:
        batch, truths[task.name] = render(task, state.data[task.name], seed, step, state.fabric.device, state.shard)
        predict = predictor_of(state, task.name)
        parts += [prepared(task, term, batch, predict) for term in task.terms]

    rows, layout = gather(parts)
    logits = state.model(rows)

    losses: dict[str, Tensor] = {}
    diagnostics: dict[str, Tensor] = {}
    weighted: dict[str, Tensor] = {}
    for part in parts:
        outputs, owner = outputs_of(part, logits, layout), part.task.name
        loss = part.term.strategy.loss(part.batch, outputs, progress)
        losses[part.name] = loss.detach()
        weighted[owner] = weighted.get(owner, 0) + part.term.entry.weight_at(progress) * loss
        if diagnose:
            with torch.no_grad():
                numbers = part.term.strategy.diagnose(part.batch, outputs, truths[owner])
            diagnostics.update({f"{part.name}.{name}": value for name, value in numbers.items()})
    total = experiment.balancer(weighted)
    check_losses(state, total, losses)
    if compare:
        diagnostics.update(gradient_cosines(weighted, tuple(experiment.model.backbone.parameters())))

    state.optimizer.zero_grad()
    state.fabric.backward(total)
    average_outside(state)
    check_gradients(state)
    if experiment.recipe.train.clip is not None:
        state.fabric.clip_gradients(state.model, state.optimizer, max_norm=experiment.recipe.train.clip)
    state.optimizer.step()
    if state.ema is not None:
        state.ema.update(experiment.model, step)
    return StepResult(total.detach(), losses, diagnostics, sum(len(images) for images in rows.values()))


def _event(state: TrainState, step: int, result: StepResult, speed: float, seconds: float) -> StepEnded:
    return StepEnded(
        step=step + 1,
        total=result.total.item(),
        losses={name: loss.item() for name, loss in result.losses.items()},
        diagnostics={name: value.item() for name, value in result.diagnostics.items()},
        learning_rate=state.optimizer.param_groups[0]["lr"],
        rows_per_second=speed,
        seconds=seconds,
    )
