"""Which component failed: its exception becomes an error that names it; out of memory, one that says what to do."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ssmtl.errors import PluginError, RunError, SsmtlError, first_line
from ssmtl.experiment.experiment import Experiment

NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "Cannot allocate memory")
"""What PyTorch's allocators say."""


@contextmanager
def attributed(experiment: Experiment, when: str) -> Iterator[None]:
    """Wraps code that calls components.

    :param when: such as 'in step 7', for the message.
    :raises RunError: if memory ran out.
    :raises PluginError: for any other exception that is not an `SsmtlError`.
    """
    try:
        yield
    except SsmtlError:
        raise
    except Exception as error:
        who = failed_component(error, experiment)
        if out_of_memory(error):
            raise RunError(
                f"out of memory {when}, in {who}: {first_line(error)}. Try a smaller tasks.NAME.batch or "
                "unlabeled_batch, a smaller image.size, or train.precision: bf16-mixed"
            ) from error
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise PluginError(
            f"{who} failed {when}: {error!r} ({Path(last.filename).name}, line {last.lineno}; "
            "--debug shows the traceback)"
        ) from error


def failed_component(error: BaseException, experiment: Experiment) -> str:
    """The innermost component whose code was running, such as "the head of task 'lungs'"."""
    names = {id(component): name for component, name in _components(experiment)}
    functions = {
        component.__code__: name for component, name in _components(experiment) if hasattr(component, "__code__")
    }
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = names.get(id(frame.f_locals.get("self"))) or functions.get(frame.f_code)
        if name is not None:
            return name
    return "the training step"


def out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)


def _components(experiment: Experiment) -> Iterator[tuple[object, str]]:
    """Each component, with its name in messages."""
    yield experiment.balancer, "the balancer"
    yield experiment.model.backbone, "the backbone"
    for name, bridge in experiment.model.bridges.items():
        yield bridge, f"the bridge of task '{name}'"
    for name, head in experiment.model.heads.items():
        yield head, f"the head of task '{name}'"
    for task in experiment.tasks:
        for name, augmentation in task.augment.items():
            yield augmentation, f"the augmentation '{task.name}.{name}'"
        for term in task.terms:
            yield term.strategy, f"the strategy '{task.name}.{term.name}'"
