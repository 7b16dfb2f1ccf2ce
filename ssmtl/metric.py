"""The contract of a metric."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor


class Metric(Protocol):
    """Made by a factory `name(output, /, *, options)`; a pure function of a whole evaluation set, on the CPU."""

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Values by name: a scalar, or one an image (shape (rows,)) which the core keeps and averages.

        :param probabilities: (rows, classes) or (rows, structures, height, width), float32 in [0, 1].
        :param targets: (rows,) int64, (rows, classes) float, or masks of the shape of `probabilities`, float 0/1.
        """
