"""How many masks are empty."""

from collections.abc import Mapping

from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.empty import is_empty
from ssmtl_metrics.kinds import MASKS, Threshold, accepted
from ssmtl_metrics.masks import binary, known_structures


class EmptyMasks:
    """Counts of empty masks, over images and known structures: how often the policy for them decided other metrics.

    `empty_reference` and `empty_prediction` each include `both_empty`; their differences from it count the falsely
    predicted and the missed structures.

    :param threshold: decision threshold for probabilities.
    """

    accepts = MASKS
    takes_unknown = True
    higher_is_better = None
    unit = "masks"
    selects = False
    by_batches = True

    def __init__(self, output: Output, /, *, threshold: Threshold = 0.5) -> None:
        self.output = accepted(output, "empty_masks", self.accepts)
        self.threshold = threshold

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """The three counts, as scalars."""
        known = known_structures(targets)
        predicted, reference = (is_empty(masks) & known for masks in binary(probabilities, targets, self.threshold))
        return {
            "empty_reference": reference.sum().float(),
            "empty_prediction": predicted.sum().float(),
            "both_empty": (predicted & reference).sum().float(),
        }
