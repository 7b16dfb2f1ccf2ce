"""How good pseudo-labels are, where the true labels are known."""

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
    """Accuracy of the pseudo-labels that are used, and precision and recall of each class.

    In recall, a row of the class whose pseudo-label is not used counts as missed. Values that would divide by zero
    are left out.

    :param guessed, known: class indices; -1 in `known` means unknown, and is left out.
    :param used: which pseudo-labels the network learns from.
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
