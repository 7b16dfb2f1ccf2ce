"""One step on grey images: parts that do not fit together are detected before any data is read."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ssmtl.contracts.balancer import GradientBalancer
from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Logits, Masks
from ssmtl.contracts.view import Batch, View
from ssmtl.errors import Problem
from ssmtl.experiment.attribution import failed_part, parts_of
from ssmtl.experiment.begin import ROWS, made_up_facts, tell, tell_balancer
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.passes import StrategyBatch, passes
from ssmtl.experiment.references import tell_made_up
from ssmtl.experiment.single_values import single_values
from ssmtl.experiment.task import Task
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.recipe.image import ImageSpec
from ssmtl.registry.blame import FAILURES, place, said
from ssmtl.wording import in_pixels

NUMBER = "of shape ()"


def dry_run(experiment: Experiment) -> tuple[list[Problem], int]:
    """The problems, and how many rows a real step encodes with gradient.

    A copy is tried, so that nothing that a component remembers stems from grey images.
    """
    try:
        parts = copy.deepcopy((experiment.tasks, experiment.model, experiment.balancer))
    except FAILURES as error:
        return [_uncopied(experiment, error)], 0
    trial = replace(experiment, tasks=parts[0], model=parts[1].eval(), balancer=parts[2])
    problems: list[Problem] = []
    rows: dict[str, int] = {}
    losses: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        problems = _begin(trial)
        if problems:
            return problems, 0
        for task in trial.tasks:
            mistakes = _head(trial, task) or _bridge_maps(trial, task)
            if not mistakes:
                mistakes, encoded, own = _strategies(trial, task)
                for name, loss in own.items():
                    balanced = trial.recipe.balanced(task.name, name)
                    losses[balanced] = losses.get(balanced, torch.zeros(())) + loss
                rows[task.name] = encoded
            problems += [one for one in mistakes if (one.where, one.what) not in [(p.where, p.what) for p in problems]]
        if not problems:
            problems += _balancer(trial, losses) or single_values(trial, rows)
    return problems, sum(rows.values())


def _problem(trial: Experiment, where: str, error: BaseException, suspect: Any, hint: str = "") -> Problem:
    """:param suspect: the component that failed if the traceback does not tell."""
    part = failed_part(error, trial)
    part = part or next(one for one in parts_of(trial, trial.model) if one.component is suspect)
    named = f"{part.words}, {place(error, part.component, part.origin)}"
    return Problem(part.where or where, said(error), f"{hint}; {named}" if hint else named)


def _uncopied(experiment: Experiment, error: BaseException) -> Problem:
    """Which component cannot be copied."""
    for part in parts_of(experiment, experiment.model):
        try:
            copy.deepcopy(part.component)
        except FAILURES as own:
            where = next((key for key, origin in experiment.origins.items() if origin is part.origin), "recipe")
            hint = f"copy.deepcopy must work on a component; {place(own, part.component, part.origin)}"
            return Problem(where, f"{part.words} cannot be copied: {said(own)}", hint)
    return Problem("recipe", f"the components cannot be copied: {said(error)}")


def _begin(trial: Experiment) -> list[Problem]:
    """Tell all components facts of as many images as the dry run has, since one task may ask another."""
    facts = {task.name: made_up_facts(trial, task) for task in trial.tasks}
    for task in trial.tasks:
        try:
            tell(task, trial, facts)
            tell_made_up(trial, task)
        except FAILURES as error:
            return [_problem(trial, f"tasks.{task.name}", error, trial.model.heads[task.name])]
    try:
        tell_balancer(trial, facts)
    except FAILURES as error:
        return [_problem(trial, "balancer", error, trial.balancer)]
    return []


@torch.no_grad()
def _head(trial: Experiment, task: Task) -> list[Problem]:
    """One image through the task, since a last evaluation batch may have only one."""
    image, head = trial.recipe.image, trial.model.heads[task.name]
    tried = f"tried with an image of {in_pixels(image.size)}"
    try:
        logits = trial.model.logits(task.name, torch.full((1, *image.shape), 0.5))
        shape = tuple(logits.shape)
    except FAILURES as error:
        return [_problem(trial, f"tasks.{task.name}", error, head, tried)]
    expected: tuple[int, ...] = (1, len(task.output.classes))
    expected += image.shape[1:] if task.output.kind == "masks" else ()
    if shape == expected:
        return []
    return [Problem(f"tasks.{task.name}.head", f"gives logits of shape {shape}, expected {expected}", tried)]


@torch.no_grad()
def _bridge_maps(trial: Experiment, task: Task) -> list[Problem]:
    """What the task's bridge shows of itself at the end of a run."""
    image, where = trial.recipe.image, f"tasks.{task.name}.bridge"
    if task.name not in trial.model.bridges:
        return []
    try:
        maps = trial.model.bridge_maps(task.name, torch.full((1, *image.shape), 0.5))
        shapes = {name: tuple(one.shape) for name, one in maps.items()}
    except FAILURES as error:
        return [_problem(trial, where, error, trial.model.bridges[task.name], "tried its maps on one image")]
    wrong = {name: shape for name, shape in shapes.items() if len(shape) != 4 or shape[0] != 1}
    return [
        Problem(where, f"the map '{name}' has shape {shape}, expected (rows, channels, height, width) with 1 row")
        for name, shape in wrong.items()
    ]


def _strategies(trial: Experiment, task: Task) -> tuple[list[Problem], int, dict[str, Tensor]]:
    """Each strategy prepares a batch and computes a loss: the rows left to encode, and the weighted losses."""
    model, ema = trial.model, trial.recipe.train.ema is not None

    def predict(
        images: Images,
        *,
        weights: Literal["student", "ema"] = "student",
        training: bool = False,  # noqa: ARG001 - shapes are the same
        differentiable: bool = False,
    ) -> Logits:
        if weights == "ema" and not ema and term.strategy.teacher_decay is None:
            raise ValueError("asks for the averaged weights as teacher, but the recipe has no train.ema")
        with torch.set_grad_enabled(differentiable):
            return model.logits(task.name, images)

    problems: list[Problem] = []
    encoded: dict[tuple[View, int], int] = {}
    losses: dict[str, Tensor] = {}
    batch = _grey_batch(task, trial.recipe.image)
    for number, term in enumerate(task.terms):
        where = f"tasks.{task.name}.strategies.{number}"
        try:
            with torch.no_grad():
                own = term.strategy.prepare(batch.keep(term.strategy.views), predict)
            loss = _loss(model, StrategyBatch(task, term, own))
        except FAILURES as error:
            problems.append(_problem(trial, where, error, term.strategy))
            continue
        encoded.update({(view, id(images)): task.rows(view.pool) for view, images in own.images.items()})
        if _said_of(loss) != NUMBER:
            problems.append(Problem(where, f"gives a loss {_said_of(loss)}, expected one number"))
        else:
            losses[term.name] = term.entry.weight_at(0.0) * loss.detach()
    return problems, sum(encoded.values()), losses


def _loss(model: MultiTaskModel, part: StrategyBatch) -> Tensor:
    """Without a graph, which would take most of the memory; with one only if the strategy itself differentiates."""

    def computed() -> Tensor:
        (whole,) = passes([part], None)
        return part.term.strategy.loss(part.batch, whole.outputs_of(part, model.decoded(whole.rows), model), 0.0)

    try:
        with torch.no_grad():
            return computed()
    except RuntimeError:
        return computed()


def _balancer(trial: Experiment, losses: Mapping[str, Tensor]) -> list[Problem]:
    try:
        total = _said_of(trial.balancer(losses))
        if isinstance(trial.balancer, GradientBalancer):
            gradients = torch.eye(len(losses))
            combined = _said_of(trial.balancer.combine(gradients, torch.stack([*losses.values()]).detach(), 0))
            if combined != f"of shape {(len(losses),)}":
                what = f"combines gradients of shape {tuple(gradients.shape)} into one {combined}"
                return [Problem("balancer", f"{what}, expected ({len(losses)},)")]
    except FAILURES as error:
        return [_problem(trial, "balancer", error, trial.balancer)]
    return [] if total == NUMBER else [Problem("balancer", f"gives a loss {total}, expected one number")]


def _said_of(result: object) -> str:
    return f"of shape {tuple(result.shape)}" if isinstance(result, Tensor) else f"that is a {type(result).__name__}"


def _grey_batch(task: Task, image: ImageSpec) -> Batch:
    shape = (ROWS, *image.shape)
    images: Mapping = {view: torch.full(shape, 0.5) for view in task.views}
    targets = {view: _targets(task, image.shape[1:]) for view in task.views if view.pool == "labeled"}
    streams = {view: RandomStream.of(np.arange(ROWS, dtype=np.uint64), str(view)) for view in task.views}
    samples = {view: torch.arange(ROWS) for view in task.views}
    moves = dict.fromkeys(task.views, _unmoved) if task.output.kind == "masks" else {}
    return Batch(images, targets, streams, samples, moves)


def _unmoved(masks: Masks) -> Masks:
    return masks


def _targets(task: Task, frame: tuple[int, ...]) -> Tensor:
    classes = len(task.output.classes)
    if task.output.kind == "multiclass":
        return torch.zeros(ROWS, dtype=torch.int64)
    return torch.zeros((ROWS, classes) if task.output.kind != "masks" else (ROWS, classes, *frame))
