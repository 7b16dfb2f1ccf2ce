"""How consistency grows in the course of training."""

from math import exp


def rampup(progress: float) -> float:
    """exp(−5 (1 − t)²), from exp(−5) to 1, as UA-MT and the others have it from Laine and Aila, ICLR 2017.

    :param progress: t, the share of the training that is done.
    """
    return exp(-5 * (1 - progress) ** 2)
