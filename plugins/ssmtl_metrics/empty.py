"""The policy for empty masks, in one place.

| prediction | reference | dice, jaccard, precision, recall | distance           |
| ---------- | --------- | -------------------------------- | ------------------ |
| empty      | empty     | 1                                | 0                  |
| empty      | not empty | 0                                | the image diagonal |
| not empty  | empty     | 0                                | the image diagonal |

Correctly predicting an empty mask scores best. A missed or a falsely predicted structure scores worst and is never left
out: leaving such images out would reward a model for its mistakes.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

RIGHTLY_EMPTY, WRONGLY_EMPTY = 1.0, 0.0
"""The value of a ratio if both masks are empty, and if exactly one is."""


def share(
    part: Int[Tensor, "rows structures"],
    whole: Int[Tensor, "rows structures"],
    predicted: Int[Tensor, "rows structures"],
    reference: Int[Tensor, "rows structures"],
) -> Float[Tensor, "rows structures"]:
    """part / whole, with the policy's value wherever a mask is empty.

    :param predicted, reference: number of pixels in each mask.
    """
    values = (part / whole).where((predicted > 0) & (reference > 0), WRONGLY_EMPTY)
    return values.masked_fill((predicted == 0) & (reference == 0), RIGHTLY_EMPTY)


def distance_if_empty(predicted: bool, reference: bool, diagonal: float) -> float | None:
    """The policy's distance, or None if it is to be measured, as both masks have pixels (`predicted`, `reference`)."""
    if predicted and reference:
        return None
    return diagonal if predicted or reference else 0.0


def is_empty(mask: Bool[Tensor, "rows structures height width"]) -> Bool[Tensor, "rows structures"]:
    """Which masks have no pixels."""
    return ~mask.flatten(2).any(2)
