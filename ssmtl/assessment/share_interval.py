"""Intervals of a share of images, over patients."""

import math

import numpy as np

from ssmtl.assessment.one_class import OneClass
from ssmtl.suite.bootstrap import Seed, bootstrap, mean_of

RESAMPLES = 2000
NORMAL = 1.959964
"""The 97.5th percentile of the standard normal distribution."""


def share_interval(right: np.ndarray, chosen: np.ndarray, one: OneClass, name: str) -> tuple[float, float]:
    """A 95 % interval of the share of the chosen images that are right; NaN with fewer than two patients.

    :param right, chosen: (images,) bool. :param name: determines the random numbers.
    """
    patients = {patient for patient, known in zip(one.patients, chosen, strict=False) if known}
    if len(patients) < 2:
        return math.nan, math.nan
    share = float(right[chosen].mean())
    if share in (0.0, 1.0):
        return wilson(share, len(patients))
    values = np.where(chosen, right.astype(float), np.nan)
    interval = bootstrap([Seed(one.ids, one.patients, mean_of(values))], name, RESAMPLES)
    return interval.low, interval.high


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of Wilson (1927) for a share of `count` independent cases."""
    squared = NORMAL**2
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    half = NORMAL / (1 + squared / count) * math.sqrt(share * (1 - share) / count + squared / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)
