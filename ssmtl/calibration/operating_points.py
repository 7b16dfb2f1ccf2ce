"""Thresholds at which a probability becomes a decision, chosen on validation images."""

import numpy as np

from ssmtl.calibration.stored import OperatingPoint

WANTED = {"sensitivity_80": 0.8, "sensitivity_90": 0.9, "sensitivity_95": 0.95}
"""The least sensitivity on validation."""


def operating_points(score: np.ndarray, positive: np.ndarray) -> dict[str, OperatingPoint]:
    """By name. A threshold lies half-way between two neighbouring scores.

    `youden` has the largest sensitivity + specificity − 1 (Youden, "Index for rating diagnostic tests", 1950; of equal
    ones the threshold nearest to one half); `sensitivity_90` the largest specificity with a sensitivity of 0.9 or more.

    :param score: probabilities of the class, (images,). :param positive: whether they have it; both kinds are needed.
    """
    levels = np.unique(score)
    thresholds = np.concatenate([[0.0], (levels[:-1] + levels[1:]) / 2])
    above, below = np.sort(score[positive]), np.sort(score[~positive])
    sensitivity = 1 - np.searchsorted(above, thresholds, "left") / len(above)
    specificity = np.searchsorted(below, thresholds, "left") / len(below)

    def point(place: int) -> OperatingPoint:
        numbers = (float(of[place]) for of in (thresholds, sensitivity, specificity))
        return OperatingPoint(**dict(zip(("threshold", "sensitivity", "specificity"), numbers, strict=True)))

    index = sensitivity + specificity
    best = np.flatnonzero(index >= index.max() - 1e-12)
    found: dict[str, OperatingPoint] = {"youden": point(best[np.abs(thresholds[best] - 0.5).argmin()])}
    for name, least in WANTED.items():  # thresholds rise: the last one that is sensitive enough is the most specific
        found[name] = point(np.flatnonzero(sensitivity >= least - 1e-12)[-1])
    return found
