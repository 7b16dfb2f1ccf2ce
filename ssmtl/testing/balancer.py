"""The contract check for a balancer."""

from typing import Any

import torch
from torch import Tensor

from ssmtl.contracts.balancer import Balancer
from ssmtl.testing.constructor import Make, made, name_of

VALUES = (0.7, 2.5, 0.01)


def check_balancer(make: Make, /, **options: Any) -> None:
    """One finite scalar from some losses in any order; gradient to each loss and to each of its own parameters."""
    name = name_of(make)
    for tasks in (("first",), ("first", "second", "third")):
        balancer = made(make, options, tasks)
        assert isinstance(balancer, Balancer), f"{name} is not an ssmtl.Balancer"
        losses = {task: torch.tensor(value, requires_grad=True) for task, value in zip(tasks, VALUES, strict=False)}
        total = balancer(losses)
        assert isinstance(total, Tensor), f"{name} returns {type(total).__name__}, expected a scalar tensor"
        assert total.ndim == 0, f"{name} returns shape {tuple(total.shape)}, expected a scalar"
        assert total.isfinite(), f"{name} turns {VALUES[: len(tasks)]} into {total.item()}"
        assert total.requires_grad, f"the loss of {name} has no gradient"
        total.backward()  # type: ignore[no-untyped-call]
        for task, loss in losses.items():
            assert loss.grad is not None, f"{name} lets no gradient through to the task '{task}' of {tasks}"
            assert loss.grad.isfinite(), f"the gradient of {name} to the task '{task}' is not finite"
        for key, weight in balancer.named_parameters():
            assert weight.grad is not None, f"the parameter '{key}' of {name} gets no gradient"
        reverse = {task: loss.detach() for task, loss in reversed(losses.items())}
        assert torch.allclose(balancer(reverse), total), f"{name} depends on the order of the tasks"
        zero = balancer({task: torch.zeros(()) for task in tasks})
        assert zero.isfinite(), f"{name} turns losses of zero into {zero.item()}"
