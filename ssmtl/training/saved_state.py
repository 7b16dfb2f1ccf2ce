"""What changes while training, saved as tensors and plain data, and restored.

It includes no random generator: every random number is a pure function of the seed and the step.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssmtl.errors import RunError
from ssmtl.training.train_state import TrainState

OPTIMIZER = "optimizer"


def tensors_of(state: TrainState) -> dict[str, Tensor]:
    """Tensors of the model, its average, what is trained outside it, and the optimiser, by name."""
    tensors = {
        f"{name}/{key}": value for name, part in _parts(state).items() for key, value in part.state_dict().items()
    }
    for index, moments in _optimizer(state).state_dict()["state"].items():
        tensors.update({f"{OPTIMIZER}/{index}/{key}": value for key, value in moments.items() if value is not None})
    return tensors


def numbers_of(state: TrainState) -> dict[str, Any]:
    """Plain data besides the tensors: the loss scale of 16-bit precision."""
    return {"precision": dict(state.fabric.strategy.precision.state_dict())}


def restore(state: TrainState, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Restore what `tensors_of` and `numbers_of` gave.

    :raises RunError: if it is the state of another model or optimiser.
    """
    by_part: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        part, _, key = name.partition("/")
        by_part.setdefault(part, {})[key] = value
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in by_part.pop(OPTIMIZER, {}).items():
        index, _, key = name.partition("/")
        moments.setdefault(int(index), {})[key] = value
    try:
        for name, module in _parts(state).items():
            module.load_state_dict(by_part.get(name, {}))
        own = _optimizer(state)
        own.load_state_dict({"state": moments, "param_groups": own.state_dict()["param_groups"]})
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunError(f"the checkpoint is of another model: {str(error).splitlines()[-1].strip()}") from error
    state.fabric.strategy.precision.load_state_dict(dict(numbers["precision"]))


def _parts(state: TrainState) -> dict[str, nn.Module]:
    parts: dict[str, nn.Module] = {"model": state.experiment.model, "outside": state.outside}
    parts |= {f"teacher {decay}": teacher.model for decay, teacher in state.teachers.items()}
    return parts if state.ema is None else {**parts, "ema": state.ema.model}


def _optimizer(state: TrainState) -> torch.optim.Optimizer:
    """The optimiser without Fabric's wrapper."""
    inner = getattr(state.optimizer, "optimizer", state.optimizer)
    assert isinstance(inner, torch.optim.Optimizer)
    return inner
