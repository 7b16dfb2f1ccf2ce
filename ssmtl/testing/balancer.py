"""The contract check for a balancer."""

from typing import Any

import torch
from torch import Tensor

from ssmtl.contracts.balancer import Balancer, GradientBalancer
from ssmtl.testing import samples
from ssmtl.testing.constructor import Make, made, name_of
from ssmtl.testing.sample_outputs import facts
from ssmtl.testing.samples import generator

VALUES = (0.7, 2.5, 0.01)
PARAMETERS = 7
IMAGES = {"labeled": 100, "unlabeled": 200}


def check_balancer(make: Make, /, **options: Any) -> None:
    """One finite scalar from some losses in any order; gradient to each loss and to each of its own parameters.

    Of one that combines gradients: a finite gradient of the right shape, the same whenever the same step is asked for.
    """
    name = name_of(make)
    for tasks in (("first",), ("first", "second", "third")):
        balancer = made(make, options, tasks)
        assert isinstance(balancer, Balancer), f"{name} is not an ssmtl.Balancer"
        balancer.begin({task: facts(samples.OUTPUTS[0], IMAGES) for task in tasks})
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
        if isinstance(balancer, GradientBalancer):
            _check_combine(balancer, len(tasks), name)
        with torch.no_grad():
            balancer.after_step({task: torch.tensor(value) for task, value in zip(tasks, VALUES, strict=False)})
        zero = balancer({task: torch.zeros(()) for task in tasks})
        assert zero.isfinite(), f"{name} turns losses of zero into {zero.item()}"


def _check_combine(balancer: GradientBalancer, tasks: int, name: str) -> None:
    random = torch.randn(tasks, PARAMETERS, generator=generator(0))
    one_idle = random.clone()
    one_idle[-1] = 0
    losses = torch.tensor(VALUES[:tasks])
    for what, gradients in (("random gradients", random), ("a task that reaches no parameter", one_idle)):
        before = gradients.clone()
        with torch.no_grad():
            torch.manual_seed(1)
            combined = balancer.combine(gradients, losses, 3)
            torch.manual_seed(1)
            again = balancer.combine(gradients, losses, 3)
        assert isinstance(combined, Tensor), f"{name}: combine returns {type(combined).__name__}, expected a tensor"
        assert tuple(combined.shape) == (PARAMETERS,), (
            f"{name}: combine turns gradients of shape {tuple(gradients.shape)} into shape {tuple(combined.shape)}, "
            f"expected ({PARAMETERS},)"
        )
        assert combined.is_floating_point(), f"{name}: combine gives {combined.dtype}, expected floats"
        assert combined.isfinite().all(), f"{name}: combine gives numbers that are not finite for {what}"
        assert torch.equal(gradients, before), f"{name}: combine changes the gradients that it is given"
        assert torch.equal(combined, again), f"{name}: combine does not draw from PyTorch's generators"
