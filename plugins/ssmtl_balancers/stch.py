"""A smooth maximum of the losses."""

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, PositiveFloat
from torch import Tensor

from ssmtl import Balancer


class SmoothTchebycheff(Balancer):
    """μ log Σ exp(λ (L − z) / μ), which tends to the largest λ (L − z) as μ tends to 0.

    Lin, Zhang, Yang, Liu, Wang and Zhang, "Smooth Tchebycheff Scalarization for Multi-Objective Optimization", ICML
    2024. The value is at least the largest λ (L − z), and at most μ log T more, for T tasks.

    :param mu: μ; the paper tries values from 0.01 to 1 and names no default.
    :param preference: by task, what becomes λ when divided by its sum; a task that is left out has 1, so that by
        default every λ is 1 / T. :param ideal: z, the loss that is as good as it can be, the same for every task.
    :raises ValueError: if a preference is for no task.
    """

    wants_mean_losses = True
    preference: Tensor

    def __init__(
        self,
        tasks: tuple[str, ...],
        /,
        *,
        mu: Annotated[float, Field(ge=1e-6, le=1e6)] = 0.1,
        preference: dict[str, PositiveFloat] | None = None,
        ideal: Annotated[float, Field(allow_inf_nan=False)] = 0.0,
    ) -> None:
        super().__init__()
        given = preference or {}
        unknown = sorted(set(given) - set(tasks))
        if unknown:
            raise ValueError(f"preference: there is no {unknown[0]!r} to balance; there are {', '.join(tasks)}")
        self.tasks, self.mu, self.ideal = tasks, mu, ideal
        shares = torch.tensor([given.get(task, 1.0) for task in tasks])
        self.register_buffer("preference", shares / shares.sum(), persistent=False)

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        above = torch.stack([losses[task] for task in self.tasks]) - self.ideal
        return self.mu * (self.preference * above / self.mu).logsumexp(0)
