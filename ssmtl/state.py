"""What changes while training, as tensors and plain data, and back.

There is no generator among it: every draw is a pure function of the seed and the step.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssmtl.errors import RunError
from ssmtl.learner import Learner

OPTIMIZER = "optimizer"


def tensors_of(learner: Learner) -> dict[str, Tensor]:
    """Of the model, its average, what is trained outside it, and the optimiser, by name."""
    parts = {name: part.state_dict() for name, part in _parts(learner).items()}
    found = {f"{name}/{key}": value for name, state in parts.items() for key, value in state.items()}
    for index, state in _optimizer(learner).state_dict()["state"].items():
        found.update({f"{OPTIMIZER}/{index}/{key}": value for key, value in state.items() if value is not None})
    return found


def numbers_of(learner: Learner) -> dict[str, Any]:
    """Plain data besides the tensors: the loss scale of 16-bit precision."""
    return {"precision": dict(learner.fabric.strategy.precision.state_dict())}


def restore(learner: Learner, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Put back what `tensors_of` and `numbers_of` gave.

    :raises RunError: if it is the state of another model or optimiser.
    """
    by_part: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        part, _, key = name.partition("/")
        by_part.setdefault(part, {})[key] = value
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in by_part.pop(OPTIMIZER, {}).items():
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = value
    try:
        for name, module in _parts(learner).items():
            module.load_state_dict(by_part.get(name, {}))
        own = _optimizer(learner)
        own.load_state_dict({"state": state, "param_groups": own.state_dict()["param_groups"]})
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunError(f"the checkpoint is of another model: {str(error).splitlines()[-1].strip()}") from error
    learner.fabric.strategy.precision.load_state_dict(dict(numbers["precision"]))


def _parts(learner: Learner) -> dict[str, nn.Module]:
    parts: dict[str, nn.Module] = {"model": learner.experiment.model, "outside": learner.outside}
    return parts if learner.ema is None else {**parts, "ema": learner.ema.model}


def _optimizer(learner: Learner) -> torch.optim.Optimizer:
    """As it was before Fabric wrapped it."""
    inner = getattr(learner.optimizer, "optimizer", learner.optimizer)
    assert isinstance(inner, torch.optim.Optimizer)
    return inner
