"""The gradient of each task's loss, kept apart until the balancer has seen all losses."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ssmtl.contracts.balancer import Balancer
from ssmtl.training.gradients import cosines, gradients_of
from ssmtl.training.train_state import TrainState


class TaskGradients:
    """Accumulates the gradient of each task's loss over passes, then combines them as the balancer says.

    With total = B(L_1, …, L_T), the gradient of the total is Σ ∂B/∂L_t · dL_t/dθ, so each task's can be computed before
    the other losses are known.

    :param whole: all tasks come in one pass and only the gradient of the total is wanted: one backward pass does.
    """

    def __init__(self, state: TrainState, whole: bool) -> None:
        self.state, self.whole = state, whole
        self.parameters = state.parameters()
        self.losses: dict[str, Tensor] = {}
        self.kept: dict[str, list[Tensor | None]] = {}
        self.task: str | None = None
        state.optimizer.zero_grad()

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """:param losses: by task, of one pass: the share of the whole loss that comes from its rows."""
        if self.whole:
            self.losses = dict(losses)
            return
        for left, (task, loss) in enumerate(losses.items(), start=1 - len(losses)):
            self._begin(task)
            before = self.losses.get(task)
            self.losses[task] = loss.detach() if before is None else before + loss.detach()
            if loss.requires_grad:
                self.state.fabric.backward(loss, retain_graph=left < 0)

    def combine(self, balancer: Balancer) -> Tensor:
        """Set every parameter's `.grad` to the gradient of the total; returns the total, detached."""
        if self.whole:
            total = balancer(self.losses)
            if torch.isfinite(total):
                self.state.fabric.backward(total)
            return total.detach()
        self._begin(None)
        leaves = {task: loss.detach().requires_grad_() for task, loss in self.losses.items()}
        total = balancer(leaves)
        weights = torch.autograd.grad(total, list(leaves.values()), retain_graph=True, allow_unused=True)
        if any(parameter.requires_grad for parameter in balancer.parameters()):
            self.state.fabric.backward(total)
        for task, weight in zip(leaves, weights, strict=True):
            if weight is not None:
                self._put(self.kept[task], weight)
        return total.detach()

    def cosines(self) -> dict[str, Tensor]:
        """Between the gradients of every two tasks on the backbone."""
        backbone = list(self.state.experiment.model.backbone.parameters())
        if self.whole:
            return cosines(gradients_of(self.losses, backbone))
        self._begin(None)
        shared = {id(parameter) for parameter in backbone}
        own = [place for place, parameter in enumerate(self.parameters) if id(parameter) in shared]
        return cosines({task: [kept[place] for place in own] for task, kept in self.kept.items()})

    def _begin(self, task: str | None) -> None:
        """Gradients that are in `.grad` belong to the task so far; further ones to `task`."""
        if task == self.task:
            return
        if self.task is not None:
            kept = self.kept.setdefault(self.task, [None] * len(self.parameters))
            for place, parameter in enumerate(self.parameters):
                before, new = kept[place], parameter.grad
                kept[place] = new if before is None else before if new is None else before.add_(new)
                parameter.grad = None
        self.task = task

    def _put(self, gradients: list[Tensor | None], weight: Tensor) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            if gradient is not None:
                part = gradient * weight
                parameter.grad = part if parameter.grad is None else parameter.grad.add_(part)
