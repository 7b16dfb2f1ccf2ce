"""Whether the tasks pull the shared backbone in the same direction."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn


def gradient_cosines(losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> dict[str, Tensor]:
    """The cosine between the gradients of every two tasks' losses, by 'gradient_cosine.TASK.TASK', in [-1, 1].

    Below 0 the tasks conflict (Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, definition 1).
    No parameter's `.grad` is touched, and the graph can still be differentiated.

    :param losses: weighted, by task; those that reach none of the `shared` parameters are left out.
    """
    gradients = {}
    for task, loss in losses.items():
        parts = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True) if loss.requires_grad else ()
        if any(gradient is not None for gradient in parts):
            whole = [
                torch.zeros_like(parameter) if gradient is None else gradient
                for parameter, gradient in zip(shared, parts, strict=True)
            ]
            gradients[task] = torch.cat([gradient.flatten().float() for gradient in whole])
    return {
        f"gradient_cosine.{one}.{other}": nn.functional.cosine_similarity(gradients[one], gradients[other], dim=0)
        for one, other in combinations(gradients, 2)
    }
