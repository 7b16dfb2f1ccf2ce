"""The policy for empty masks, in one place.

| prediction | reference | dice, jaccard, precision, recall | distance           |
| ---------- | --------- | -------------------------------- | ------------------ |
| empty      | empty     | 1                                | 0                  |
| empty      | not empty | 0                                | the image diagonal |
| not empty  | empty     | 0                                | the image diagonal |

Rightly finding nothing is right, and a missed or an invented structure is the worst case, never a dropped one: leaving
such images out would reward a model for missing them.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

RIGHTLY_EMPTY, WRONGLY_EMPTY = 1.0, 0.0
"""The value of a share if both masks are empty, and if just one is."""


def share(
    part: Int[Tensor, "rows structures"],
    whole: Int[Tensor, "rows structures"],
    predicted: Int[Tensor, "rows structures"],
    reference: Int[Tensor, "rows structures"],
) -> Float[Tensor, "rows structures"]:
    """part / whole, with the policy's value wherever a mask is empty.

    :param predicted, reference: pixels of each mask.
    """
    values = (part / whole).where((predicted > 0) & (reference > 0), WRONGLY_EMPTY)
    return values.masked_fill((predicted == 0) & (reference == 0), RIGHTLY_EMPTY)


def distance_if_empty(predicted: bool, reference: bool, diagonal: float) -> float | None:
    """The policy's distance, or None if both masks have pixels (`predicted`, `reference`) and it is to be measured."""
    if predicted and reference:
        return None
    return diagonal if predicted or reference else 0.0


def is_empty(mask: Bool[Tensor, "rows structures height width"]) -> Bool[Tensor, "rows structures"]:
    """Which masks have no pixel."""
    return ~mask.flatten(2).any(2)
