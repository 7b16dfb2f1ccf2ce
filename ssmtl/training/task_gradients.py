"""The gradient of each task's loss, kept apart until the balancer has seen all losses."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ssmtl.contracts.balancer import Balancer, GradientBalancer
from ssmtl.contracts.random_stream import key
from ssmtl.errors import SsmtlError
from ssmtl.training.finite import NotFiniteError
from ssmtl.training.gradients import cosines, gradients_of
from ssmtl.training.train_state import TrainState


class TaskGradients:
    """Accumulates the gradient of each task's loss over passes, then combines them as the balancer says.

    With total = B(L_1, …, L_T), the gradient of the total is Σ ∂B/∂L_t · dL_t/dθ, so each task's can be computed before
    the other losses are known.

    If all tasks come in one pass, and only the gradient of the total is wanted, one backward pass does.
    """

    def __init__(self, state: TrainState) -> None:
        self.state = state
        self.whole = state.rows is None and not isinstance(state.experiment.balancer, GradientBalancer)
        self.parameters = state.parameters()
        self.losses: dict[str, Tensor] = {}
        self.kept: dict[str, list[Tensor | None]] = {}
        self.task: str | None = None
        backbone = {id(parameter) for parameter in state.experiment.model.backbone.parameters()}
        self._shared = {place for place, one in enumerate(self.parameters) if id(one) in backbone}
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

    def combine(self, balancer: Balancer, step: int) -> Tensor:
        """Set every parameter's `.grad` as the balancer says; returns the total loss, detached."""
        if self.whole:
            total = self._total(balancer, self.losses)
            self.state.fabric.backward(total)
            return total.detach()
        self._begin(None)
        if isinstance(balancer, GradientBalancer):
            return self._combined(balancer, step)
        leaves = {task: loss.detach().requires_grad_() for task, loss in self.losses.items()}
        total = self._total(balancer, leaves)
        weights = torch.autograd.grad(total, list(leaves.values()), retain_graph=True, allow_unused=True)
        if any(parameter.requires_grad for parameter in balancer.parameters()):
            self.state.fabric.backward(total)
        for task, weight in zip(leaves, weights, strict=True):
            if weight is not None:
                self._put(self.kept[task], weight)
        return total.detach()

    def _combined(self, balancer: GradientBalancer, step: int) -> Tensor:
        """The shared parameters get what the balancer makes of the tasks' gradients, the others their own."""
        shared = self._reached()
        if not shared:
            what = "has no gradients to combine: no loss reaches a parameter of the backbone that is trained"
            raise SsmtlError(f"{self._who()} {what}; train the backbone, or use a balancer of losses")
        for kept in self.kept.values():
            self._put([None if place in self._shared else one for place, one in enumerate(kept)], None)
        losses = torch.stack([*self.losses.values()]).float()
        scale = loss_scale(self.state)
        rows = [
            torch.cat([self._filled(kept, place).flatten().float() for place in shared]) / scale
            for kept in self.kept.values()
        ]
        matrix = self.state.averaged(torch.stack(rows))
        losses = self.state.averaged(losses)
        with torch.no_grad():
            finite = bool(torch.isfinite(matrix.sum() + losses.sum()))  # else the step ends with an error
            torch.manual_seed(key(self.state.experiment.recipe.seed, "balancer", step) % 2**63)
            combined = self._checked(balancer.combine(matrix, losses, step), matrix) if finite else matrix.sum(0)
        sizes = [self.parameters[place].numel() for place in shared]
        for place, part in zip(shared, torch.split(combined * scale, sizes), strict=True):
            parameter = self.parameters[place]
            parameter.grad = part.view_as(parameter).to(parameter.dtype)
        total: Tensor = balancer(self.losses)
        return total.detach()

    def _total(self, balancer: Balancer, losses: Mapping[str, Tensor]) -> Tensor:
        """:raises SsmtlError: if it is not one number that can be differentiated."""
        total = balancer(self._over_processes(losses) if balancer.wants_mean_losses else losses)
        if not isinstance(total, Tensor) or total.ndim or not total.requires_grad:
            found = f"a tensor of shape {tuple(total.shape)}" if isinstance(total, Tensor) else type(total).__name__
            detached = ", detached" if isinstance(total, Tensor) and not total.requires_grad else ""
            raise SsmtlError(f"{self._who()} gives {found}{detached}; expected one number with a gradient")
        return total

    def _over_processes(self, losses: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The means over the processes, with the gradients of this process's losses, which are averaged later."""
        if self.state.shard.world == 1:
            return losses
        means = self.state.averaged(torch.stack([loss.detach().float() for loss in losses.values()]))
        pairs = zip(losses.items(), means, strict=True)
        return {task: loss - loss.detach() + mean for (task, loss), mean in pairs}

    def _checked(self, combined: Tensor, matrix: Tensor) -> Tensor:
        """:raises SsmtlError: if it is something else. :raises NotFiniteError: if the balancer made it so."""
        shape = tuple(combined.shape) if isinstance(combined, Tensor) else type(combined).__name__
        if shape != (matrix.shape[1],):
            what = f"combines gradients of shape {tuple(matrix.shape)} into {shape}"
            raise SsmtlError(f"{self._who()} {what}, expected ({matrix.shape[1]},)")
        if not combined.is_floating_point() or (combined.device, combined.layout) != (matrix.device, matrix.layout):
            found = f"{combined.dtype}, {combined.layout}, on {combined.device}"
            raise SsmtlError(
                f"{self._who()} combines gradients into {found}; expected {matrix.dtype} on {matrix.device}"
            )
        if not torch.isfinite(combined.sum()):
            raise NotFiniteError((f"what {self._who()} makes of finite gradients",))
        return combined

    def _who(self) -> str:
        experiment = self.state.experiment
        origin = experiment.origins.get("balancer")
        return f"the balancer {experiment.recipe.balancer.use}" + (f" of plugin {origin}" if origin else "")

    def _reached(self) -> list[int]:
        """The shared parameters that some task's loss reaches, in any process."""
        places = sorted(self._shared)
        own = [float(any(kept[place] is not None for kept in self.kept.values())) for place in places]
        if self.state.shard.world == 1:
            return [place for place, share in zip(places, own, strict=True) if share]
        anywhere = self.state.averaged(torch.tensor(own, device=self.state.fabric.device))
        return [place for place, share in zip(places, anywhere.tolist(), strict=True) if share > 0]

    def _filled(self, gradients: list[Tensor | None], place: int) -> Tensor:
        gradient = gradients[place]
        return torch.zeros_like(self.parameters[place]) if gradient is None else gradient

    def cosines(self) -> dict[str, Tensor]:
        """Between the gradients of every two tasks on the backbone."""
        if self.whole:
            return cosines(gradients_of(self.losses, list(self.state.experiment.model.backbone.parameters())))
        self._begin(None)
        places = sorted(self._shared)
        return cosines({task: [kept[place] for place in places] for task, kept in self.kept.items()})

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

    def _put(self, gradients: list[Tensor | None], weight: Tensor | None) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            if gradient is not None:
                part = gradient if weight is None else gradient * weight
                parameter.grad = part if parameter.grad is None else parameter.grad.add_(part)


def loss_scale(state: TrainState) -> float:
    """By which 16-bit precision scales losses, and so gradients; else 1."""
    scaler = getattr(state.fabric.strategy.precision, "scaler", None)
    return 1.0 if scaler is None else float(scaler.get_scale())
