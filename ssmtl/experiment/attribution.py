"""Which component failed: its exception becomes an error that names it; out of memory, one that says what to do."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import torch

from ssmtl.errors import PluginError, RunError, SsmtlError, first_line
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.in_turn import steps_of
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.registry.blame import FAILURES, file_of, function_of, sentence
from ssmtl.registry.registry import Origin

NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "Cannot allocate memory")
"""What PyTorch's allocators say."""


class WrongResultError(Exception):
    """A component returned something that its contract does not allow."""

    def __init__(self, component: object, what: str) -> None:
        super().__init__(what)
        self.component = component


@dataclass(frozen=True)
class Part:
    """A component of an experiment.

    :param words: such as "the head of task 'lungs'". :param where: its key in the recipe.
    """

    component: Any
    words: str
    where: str
    origin: Origin | None


@contextmanager
def attributed(experiment: Experiment, when: str, *copies: MultiTaskModel, otherwise: str = "") -> Iterator[None]:
    """Wraps code that calls components.

    :param when: such as 'in step 7', for the message.
    :param copies: further models whose parts may be running, such as the average of the weights.
    :param otherwise: what failed if no component did; empty: the exception is left as it is.
    :raises RunError: if memory ran out.
    :raises PluginError: for any other exception of a component that is not an `SsmtlError`.
    """
    try:
        yield
    except SsmtlError:
        raise
    except FAILURES as error:
        part = failed_part(error, experiment, *copies)
        if part is None:
            if not otherwise:
                raise
            part = Part(None, otherwise, "", None)
        if out_of_memory(error):
            raise RunError(
                f"out of memory {when}, in {part.words}: {first_line(error)}. Try a smaller tasks.NAME.batch or "
                "unlabeled_batch, a smaller image.size, or train.precision: bf16-mixed"
            ) from error
        raise PluginError(sentence(part.words, when, error, part.component, part.origin)) from error


def failed_part(error: BaseException, experiment: Experiment, *copies: MultiTaskModel) -> Part | None:
    """The innermost component whose code was running, with the strategy that called it, if one did.

    Else one whose file was running; None if there is neither.
    """
    every = [part for model in (experiment.model, *copies) for part in parts_of(experiment, model)]
    components = {id(part.component): part for part in every}
    functions = {id(getattr(function_of(part.component), "__code__", None)): part for part in every}
    files = {file_of(part.component): part for part in reversed(every)}
    if isinstance(error, WrongResultError):
        return components.get(id(error.component))
    frames = [frame for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__)))]
    running = [part for frame in frames if (part := _running(frame, components, functions)) is not None]
    if not running:
        return next((files[frame.f_code.co_filename] for frame in frames if frame.f_code.co_filename in files), None)
    caller = next((part for part in running if part.where.split(".")[2:3] == ["strategies"]), running[0])
    if caller is running[0]:
        return caller
    return replace(running[0], words=f"{running[0].words}, called by {caller.words}")


def _running(frame: FrameType, components: Mapping[int, Part], functions: Mapping[int, Part]) -> Part | None:
    first = frame.f_code.co_varnames[0] if frame.f_code.co_argcount else ""
    return components.get(id(frame.f_locals.get(first, frame))) or functions.get(id(frame.f_code))


def out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)


def parts_of(experiment: Experiment, model: MultiTaskModel) -> Iterator[Part]:
    """Each component, with its name in messages and its plugin. :param model: the experiment's, or a copy of it."""
    for component, words, where in _named(experiment, model):
        yield Part(component, words, where, experiment.origins.get(where))


def _named(experiment: Experiment, model: MultiTaskModel) -> Iterator[tuple[Any, str, str]]:
    yield experiment.balancer, "the balancer", "balancer"
    yield model.backbone, "the backbone", "backbone"
    for name, bridge in model.bridges.items():
        yield bridge, f"the bridge of task '{name}'", f"tasks.{name}.bridge"
    for name, head in model.heads.items():
        yield head, f"the head of task '{name}'", f"tasks.{name}.head"
    for task in experiment.tasks:
        where = f"tasks.{task.name}"
        for name, augmentation in task.augment.items():
            for step, (place, _) in zip(steps_of(augmentation), task.spec.augmentations(name), strict=True):
                yield step, f"the augmentation '{task.name}.{place.removeprefix('augment.')}'", f"{where}.{place}"
        for number, term in enumerate(task.terms):
            yield term.strategy, f"the strategy '{task.name}.{term.name}'", f"{where}.strategies.{number}"
        for number, (name, metric) in enumerate(task.metrics.items()):
            yield metric, f"the metric '{task.name}.{name}'", f"{where}.metrics.{number}"
