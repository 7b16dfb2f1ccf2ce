"""Overlap of pixels: Dice, Jaccard, precision and recall of masks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.empty import share
from ssmtl_metrics.kinds import MASKS, Threshold, accepted
from ssmtl_metrics.masks import binary, named, pixels


class _Overlap(ABC):
    """Counts the pixels of prediction P, of reference R and of both, for each image and structure.

    All images have the same weight, whatever the size of their structures: pooled pixels would favour large structures.
    """

    accepts = MASKS
    takes_unknown = True
    higher_is_better = True
    unit = ""
    selects = False
    by_batches = True
    name: str

    def __init__(self, output: Output, /, *, threshold: Threshold = 0.5) -> None:
        self.output = accepted(output, self.name, self.accepts)
        self.threshold = threshold

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Shape (rows,): the mean over structures, and `<metric>_<structure>` if there is more than one."""
        predicted, reference = binary(probabilities, targets, self.threshold)
        sizes = pixels(predicted), pixels(reference)
        part, whole = self.ratio(pixels(predicted & reference), *sizes)
        return named(self.name, share(part, whole, *sizes), self.output, targets)

    @staticmethod
    @abstractmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Numerator and denominator, from the numbers of pixels in both, in the prediction and in the reference."""


class Dice(_Overlap):
    """2 |P ∩ R| / (|P| + |R|), in [0, 1]: F1 of the pixels. The module `empty` has the policy for empty masks."""

    name = "dice"
    selects = True

    @staticmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * both, predicted + reference


class Jaccard(_Overlap):
    """|P ∩ R| / |P ∪ R|, in [0, 1]; D / (2 − D) for an image with Dice D, but not for means."""

    name = "jaccard"

    @staticmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        return both, predicted + reference - both


class Precision(_Overlap):
    """|P ∩ R| / |P|, in [0, 1]: the fraction of the prediction that is correct; low for oversegmentation."""

    name = "precision"

    @staticmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG004
        return both, predicted


class Recall(_Overlap):
    """|P ∩ R| / |R|, in [0, 1]: the fraction of the reference that is predicted; low for undersegmentation."""

    name = "recall"

    @staticmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG004
        return both, reference
