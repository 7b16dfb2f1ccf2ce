"""The loop: `fit`, and `training_step`, in which the whole mathematics of a step is in sight."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from ssmtl.blame import blamed
from ssmtl.data.draws import key
from ssmtl.errors import RunError
from ssmtl.events import StepEnded
from ssmtl.fused import Prepared, gather, outputs_of
from ssmtl.gradients import gradient_cosines
from ssmtl.learner import Learner, steps_an_epoch
from ssmtl.nonfinite import broken_gradients, broken_losses
from ssmtl.render import render
from ssmtl.schedule import rate_at
from ssmtl.shapes import Images, Logits
from ssmtl.strategy import Predictor


@dataclass(frozen=True)
class StepNumbers:
    """What a step computed: the total, and by 'task.strategy' the unweighted losses and the diagnostics.

    :param broken: what was not finite; the weights are then as before.
    """

    total: Tensor
    losses: Mapping[str, Tensor]
    diagnostics: Mapping[str, Tensor]
    rows: int
    broken: tuple[str, ...] = ()


class Listener(Protocol):
    """Who is told of the training. Steps count from 1."""

    def step_ended(self, step: StepEnded) -> None:
        """A step that is logged."""

    def evaluate(self, step: int) -> None:
        """It is time to validate."""

    def not_finite(self, step: int, broken: tuple[str, ...]) -> None:
        """The step changed nothing, since `broken` was not finite. Raises, unless the training goes on."""

    def goes_on(self, step: int) -> bool:
        """Whether it does after this step; the same answer in every process. The time to save."""


def fit(learner: Learner, listener: Listener, done: int = 0) -> bool:
    """Train for as many steps as the recipe says; False: the listener ended it before.

    :param done: steps that were trained before, by an earlier process.
    """
    train, schedule = learner.experiment.recipe.train, learner.experiment.recipe.schedule
    epoch = steps_an_epoch(learner)
    started = time.perf_counter()
    trained = 0.0
    for step in range(done, train.steps):
        began = time.perf_counter()
        rate = rate_at(step, schedule, train.steps, epoch)
        for group in learner.optimizer.param_groups:
            group["lr"] = learner.experiment.recipe.optimizer.lr * rate
        every = train.gradient_cosine_every if train.precision == "32" else None  # Fabric guards other backward passes
        compared = every is not None and (step + 1) % every == 0
        logged = (step + 1) % train.log_every == 0 or step == 0 or compared
        numbers = training_step(learner, step, diagnose=logged, compare=compared)
        trained += time.perf_counter() - began
        if numbers.broken:
            listener.not_finite(step + 1, numbers.broken)
        elif logged:
            speed = numbers.rows * learner.shard.world * (step + 1 - done) / trained
            listener.step_ended(_record(learner, step, numbers, speed, time.perf_counter() - started))
        if (step + 1) % train.evaluate_every == 0 or step + 1 == train.steps:
            listener.evaluate(step + 1)
        if not listener.goes_on(step + 1):
            return False
    return True


def training_step(learner: Learner, step: int, *, diagnose: bool = False, compare: bool = False) -> StepNumbers:
    """One optimiser step. Everything random in it is a pure function of the seed and `step` (dropout: and the rank).

    :param diagnose: whether the strategies are asked for numbers for the log.
    :param compare: whether the tasks' gradients are compared.
    """
    recipe, device = learner.experiment.recipe, learner.fabric.device
    progress = step / recipe.train.steps
    torch.manual_seed(key(recipe.seed, "dropout", step, learner.shard.rank) % 2**63)
    learner.model.train()

    parts, truths = [], {}
    for task in learner.experiment.tasks:
        with blamed(f"the augmentation of task '{task.name}'", step):
            batch, truth = render(task, learner.data[task.name], recipe.seed, step, device, learner.shard)
        truths[task.name] = truth
        for term in task.terms:
            with torch.no_grad(), blamed(f"the strategy '{task.name}.{term.name}'", step):
                own = term.strategy.prepare(batch.keep(term.strategy.views), _predictor(learner, task.name))
            parts.append(Prepared(task, term, own))

    rows, layout = gather(parts)
    with blamed("the model", step):
        logits = learner.model(rows)

    losses: dict[str, Tensor] = {}
    diagnostics: dict[str, Tensor] = {}
    weighted: dict[str, Tensor] = {}
    for part in parts:
        with blamed(f"the strategy '{part.name}'", step):
            outputs = outputs_of(part, logits, layout)
            loss = part.term.strategy.loss(part.batch, outputs, progress)
            losses[part.name] = loss.detach()
            weighted[part.task.name] = weighted.get(part.task.name, 0) + part.term.entry.weight_at(progress) * loss
            if diagnose:
                with torch.no_grad():
                    found = part.term.strategy.diagnose(part.batch, outputs, truths[part.task.name])
                diagnostics.update({f"{part.name}.{name}": value for name, value in found.items()})
    total = learner.experiment.balancer(weighted)
    encoded = sum(len(found) for found in rows.values())
    broken = broken_losses(total, losses)
    if learner.agreed(bool(broken)):
        return StepNumbers(total.detach(), losses, diagnostics, encoded, broken or ("a loss in another process",))
    if compare:
        diagnostics.update(gradient_cosines(weighted, tuple(learner.experiment.model.backbone.parameters())))

    learner.optimizer.zero_grad()
    with blamed("the backward pass", step):
        learner.fabric.backward(total)
    _average_extras(learner)
    broken = () if recipe.train.precision == "16-mixed" else broken_gradients(learner.experiment.model, learner.outside)
    if broken:
        return StepNumbers(total.detach(), losses, diagnostics, encoded, broken)
    if recipe.train.clip is not None:
        learner.fabric.clip_gradients(learner.model, learner.optimizer, max_norm=recipe.train.clip)
    learner.optimizer.step()
    if learner.ema is not None:
        learner.ema.update(learner.experiment.model, step)
    return StepNumbers(total.detach(), losses, diagnostics, encoded)


def _predictor(learner: Learner, task: str) -> Predictor:
    """The task's logits for its strategies: without gradient, of the trained or the averaged weights."""

    def predict(images: Images, *, weights: Literal["student", "ema"] = "student", training: bool = False) -> Logits:
        if weights == "ema":
            if learner.ema is None:
                raise RunError(
                    f"task '{task}' asks for the averaged weights as teacher, and the recipe has no train.ema"
                )
            return learner.ema.model.predictor(task)(images)
        if not training:
            return learner.experiment.model.predictor(task)(images)
        with learner.fabric.autocast():
            return learner.experiment.model.logits(task, images).float()

    return predict


def _average_extras(learner: Learner) -> None:
    """Gradients outside the model, which DDP does not know of, become the mean over the processes."""
    for parameter in learner.outside.parameters() if learner.shard.world > 1 else ():
        if parameter.grad is not None:
            reduced = learner.fabric.all_reduce(parameter.grad, reduce_op="mean")
            assert isinstance(reduced, Tensor)
            parameter.grad = reduced


def _record(learner: Learner, step: int, numbers: StepNumbers, speed: float, seconds: float) -> StepEnded:
    return StepEnded(
        step=step + 1,
        total=numbers.total.item(),
        losses={name: loss.item() for name, loss in numbers.losses.items()},
        diagnostics={name: value.item() for name, value in numbers.diagnostics.items()},
        learning_rate=learner.optimizer.param_groups[0]["lr"],
        rows_per_second=speed,
        seconds=seconds,
    )
