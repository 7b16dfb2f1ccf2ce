"""Sharpening: a distribution pulled towards its most probable class."""

from torch import Tensor

from ssmtl import Kind


def sharpen(probabilities: Tensor, temperature: float, kind: Kind) -> Tensor:
    """Equation (7) of MixMatch, p_i^(1/T) / Σ_j p_j^(1/T), in logarithms, so that a small T does not underflow.

    Multi-label: the same for the two outcomes of each class.

    :param probabilities: shape (rows, classes).
    """
    if kind == "multiclass":
        return (probabilities.log() / temperature).softmax(1)
    return (probabilities.logit() / temperature).sigmoid()
