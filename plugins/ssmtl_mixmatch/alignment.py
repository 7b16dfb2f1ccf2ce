"""ReMixMatch's distribution alignment: guesses whose mean is as the labels are."""

from jaxtyping import Float
from torch import Tensor

from ssmtl import Kind

LEAST = 1e-6
"""Of a frequency, so that a class that never occurs divides nothing by 0."""


def aligned(
    guess: Float[Tensor, "rows classes"], wanted: Float[Tensor, " classes"], mean: Float[Tensor, " classes"], kind: Kind
) -> Float[Tensor, "rows classes"]:
    """Normalize(q · p(y) / p̃(y)). Multi-label: the same for the two outcomes of each class.

    :param wanted: p(y), how frequent each class should be. :param mean: p̃(y), how often it was guessed.
    """
    wanted, mean = wanted.clamp(LEAST, 1 - LEAST), mean.clamp(LEAST, 1 - LEAST)
    present = guess * wanted / mean
    if kind == "multiclass":
        return present / present.sum(1, keepdim=True)
    return present / (present + (1 - guess) * (1 - wanted) / (1 - mean))
