"""Adam for a few weights that are buffers, so that they are stored and restored with the balancer."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

Rate = Annotated[float, Field(gt=0, le=1)]
"""Of learning."""

FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8


class BufferedAdam(nn.Module):
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1, with weight decay added to
    the gradient, as in `torch.optim.Adam`. Waits for no device.

    :param weights: where they begin, shape (count,).
    """

    weights: Tensor
    mean: Tensor
    square: Tensor
    steps: Tensor

    def __init__(self, weights: Float[Tensor, " count"], rate: Rate, decay: float = 0.0) -> None:
        super().__init__()
        self.rate, self.decay = rate, decay
        self.register_buffer("weights", weights.clone())
        self.register_buffer("mean", torch.zeros_like(weights))
        self.register_buffer("square", torch.zeros_like(weights))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def step(self, gradient: Float[Tensor, " count"]) -> None:
        """Change the weights, against the gradient."""
        gradient = gradient + self.decay * self.weights
        self.steps += 1
        self.mean.lerp_(gradient, 1 - FIRST)
        self.square.lerp_(gradient.square(), 1 - SECOND)
        mean, square = self.mean / (1 - FIRST**self.steps), self.square / (1 - SECOND**self.steps)
        self.weights -= self.rate * mean / (square.sqrt() + EPSILON)
