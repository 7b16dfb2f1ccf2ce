"""Whether the tasks pull the shared backbone in the same direction."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

Gradients = Sequence[Tensor | None]
"""One per parameter; None: the loss does not reach it."""


def gradients_of(losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> dict[str, Gradients]:
    """Of each task's loss. No parameter's `.grad` is touched, and the graph can still be differentiated."""
    return {
        task: torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
        for task, loss in losses.items()
        if loss.requires_grad
    }


def cosines(gradients: Mapping[str, Gradients]) -> dict[str, Tensor]:
    """The cosine between the gradients of every two tasks' losses, by 'gradient_cosine.TASK.TASK', in [-1, 1].

    Below 0 the tasks conflict (Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, definition 1).

    :param gradients: by task, in one order of the parameters; tasks that reach none of them are left out.
    """
    reached = {task: own for task, own in gradients.items() if any(one is not None for one in own)}

    def dot(one: Gradients, other: Gradients) -> Tensor:
        return sum(
            (
                a.float().flatten().dot(b.float().flatten())
                for a, b in zip(one, other, strict=True)
                if a is not None and b is not None
            ),
            torch.zeros(()),
        )

    return {
        f"gradient_cosine.{one}.{other}": dot(reached[one], reached[other])
        / (dot(reached[one], reached[one]) * dot(reached[other], reached[other])).sqrt().clamp_min(1e-12)
        for one, other in combinations(reached, 2)
    }
