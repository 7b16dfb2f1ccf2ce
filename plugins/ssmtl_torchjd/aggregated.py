"""TorchJD's aggregators, by name."""

import warnings
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import GradientBalancer, SsmtlError

Name = Literal[
    "UPGrad", "MGDA", "PCGrad", "CAGrad", "NashMTL", "IMTLG", "AlignedMTL", "DualProj", "ConFIG", "Mean", "Sum"
]

Option = bool | int | float | str | list[float] | None
"""Of an aggregator's constructor; a list becomes a tensor."""


class Aggregated(GradientBalancer):
    """One of TorchJD's aggregators combines the tasks' gradients on the backbone.

    Quinton and Rey, "Jacobian Descent for Multi-Objective Optimization", 2024, for UPGrad; https://torchjd.org says
    which paper each of the others is from. What an aggregator remembers from step to step, as NashMTL does, is
    forgotten before each step, so that a resumed run repeats it.

    :param aggregator: its name. :param options: of its constructor, such as {c: 0.5} for CAGrad, or {n_tasks: 2} for
        NashMTL.
    :raises SsmtlError: if torchjd is not installed. :raises ValueError: if the options do not fit.
    """

    def __init__(
        self, _tasks: tuple[str, ...], /, *, aggregator: Name = "UPGrad", options: dict[str, Option] | None = None
    ) -> None:
        super().__init__()
        self.aggregator = aggregator
        self.options = options or {}
        self.device = torch.device("cpu")
        self.combined = _made(aggregator, self.options, self.device)

    def combine(
        self, gradients: Float[Tensor, "tasks parameters"], losses: Float[Tensor, " tasks"], step: int
    ) -> Float[Tensor, " parameters"]:
        if self.aggregator == "NashMTL" and len(gradients) == 1:
            return gradients[0].clone()  # its solver needs two
        if gradients.device != self.device:
            self.device = gradients.device
            self.combined = _made(self.aggregator, self.options, self.device)
        if hasattr(self.combined, "reset"):
            self.combined.reset()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NashMTL's solver says how it could be faster
            combined: Tensor = self.combined(gradients)
        return combined


def _made(name: str, options: dict[str, Option], device: torch.device) -> Any:
    """The aggregator, with its own tensors on this device."""
    try:
        from torchjd import aggregation
    except ImportError as error:
        raise SsmtlError("TorchJD's balancers need the extra 'torchjd': pip install 'ssmtl[torchjd]'") from error
    try:
        with device:  # where torch.tensor makes them
            given = {key: torch.tensor(one) if isinstance(one, list) else one for key, one in options.items()}
            return getattr(aggregation, name)(**given)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"aggregator {name}: {error}") from error
