"""Shares of pixels: Dice, Jaccard, precision and recall of masks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.empty import share
from ssmtl_metrics.kinds import MASKS, Threshold, accepted
from ssmtl_metrics.masks import binary, named, pixels


class _Overlap(ABC):
    """Counts pixels of prediction P, reference R and of both, image by image and structure by structure.

    An image weighs as much as any other, however large its structure: pooling pixels would let the large ones decide.
    """

    accepts = MASKS
    higher_is_better = True
    unit = ""
    selects = False
    name: str

    def __init__(self, output: Output, /, *, threshold: Threshold = 0.5) -> None:
        self.output = accepted(output, self.name, self.accepts)
        self.threshold = threshold

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Shape (rows,): the mean over structures, and `<metric>_<structure>` if there are more than one."""
        predicted, reference = binary(probabilities, targets, self.threshold)
        sizes = pixels(predicted), pixels(reference)
        part, whole = self.ratio(pixels(predicted & reference), *sizes)
        return named(self.name, share(part, whole, *sizes), self.output)

    @staticmethod
    @abstractmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Part and whole, from the pixels of both, of the prediction and of the reference."""


class Dice(_Overlap):
    """2 |P ∩ R| / (|P| + |R|), in [0, 1]: F1 of the pixels. `empty` says what an empty mask gives."""

    name = "dice"
    selects = True

    @staticmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * both, predicted + reference


class Jaccard(_Overlap):
    """|P ∩ R| / |P ∪ R|, in [0, 1]; it is D / (2 − D) of the image's Dice D, but not so of the means."""

    name = "jaccard"

    @staticmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        return both, predicted + reference - both


class Precision(_Overlap):
    """|P ∩ R| / |P|, in [0, 1]: the share of the prediction that is right; low where too much is drawn."""

    name = "precision"

    @staticmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG004
        return both, predicted


class Recall(_Overlap):
    """|P ∩ R| / |R|, in [0, 1]: the share of the reference that is found; low where too little is drawn."""

    name = "recall"

    @staticmethod
    def ratio(both: Tensor, predicted: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG004
        return both, reference
