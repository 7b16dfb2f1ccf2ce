"""How good guessed labels are, where the true ones are known."""

from collections.abc import Mapping, Sequence

from jaxtyping import Bool, Int64
from torch import Tensor


def pseudo_label_quality(
    guessed: Int64[Tensor, " rows"],
    used: Bool[Tensor, " rows"],
    known: Int64[Tensor, " rows"],
    classes: Sequence[str],
    prefix: str = "pseudo_label",
) -> Mapping[str, Tensor]:
    """Accuracy of the guesses that are used, and precision and recall of each class.

    Recall counts a row of the class that no guess is used for as missed. What would divide by zero is left out.

    :param guessed, known: class indices; -1 in `known`: not known, and left out.
    :param used: which guesses teach the network.
    """
    chosen = used & (known >= 0)
    numbers = {}
    if chosen.any():
        numbers[f"{prefix}_accuracy"] = (guessed == known)[chosen].float().mean()
    for index, name in enumerate(classes):
        right = (chosen & (guessed == index) & (known == index)).sum()
        claimed, true = (chosen & (guessed == index)).sum(), (known == index).sum()
        if claimed:
            numbers[f"{prefix}_precision.{name}"] = right / claimed
        if true:
            numbers[f"{prefix}_recall.{name}"] = right / true
    return numbers
