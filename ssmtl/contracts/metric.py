"""The contract of a metric."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor


class Metric(Protocol):
    """Made by a factory `name(output, /, *, options)`; a pure function of a whole evaluation set, on the CPU.

    Three attributes, of the class or of the instance, say all that others need to know of its values.
    """

    @property
    def higher_is_better(self) -> bool | None:
        """None: neither; a count, say. Such a metric never selects weights."""

    @property
    def unit(self) -> str:
        """Of the values, such as 'px'; empty for a share or a probability."""

    @property
    def selects(self) -> bool:
        """Whether validation by this metric selects the weights, before others of the task that do not claim so."""

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Values by name, the main one first: a scalar, or one for each image (shape (rows,)), kept and averaged.

        :param probabilities: (rows, classes) or (rows, structures, height, width), float32 in [0, 1].
        :param targets: (rows,) int64, (rows, classes) float, or masks of the shape of `probabilities`, float 0/1.
        """
