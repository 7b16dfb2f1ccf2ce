"""The moving average of the weights."""

import copy

import torch

from ssmtl.model.multi_task_model import MultiTaskModel


class Ema:
    """An exponential moving average of a model's parameters; buffers are copied.

    :param decay: decay of the average once warmed up. In step n (from 0) it is min(decay, (1 + n) / (10 + n)), so
        a short run does not keep its initial weights.
    """

    def __init__(self, model: MultiTaskModel, decay: float) -> None:
        self.decay = decay
        self.model: MultiTaskModel = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: MultiTaskModel, step: int) -> None:
        """Update the average with the weights after step `step`."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
        for average, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(buffer)
