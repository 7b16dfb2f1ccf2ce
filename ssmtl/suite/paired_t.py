"""Student's t, paired over seeds: the test, the interval, and what so few seeds can detect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, stdev

import numpy as np
from scipy import stats
from scipy.optimize import brentq

LEVEL, POWER = 0.05, 0.8


@dataclass(frozen=True)
class OverSeeds:
    """The differences of two systems, one per seed.

    :param t, p: Student's, two-sided. :param low, high: 95 % interval of the mean difference.
    :param detectable: the smallest true difference that this number of seeds, with this spread, would detect at the 5 %
        level four times out of five.

    All are NaN for a single seed, and for equal differences, which say nothing about their spread; but seeds that do
    not differ at all have p = 1.
    """

    t: float
    p: float
    low: float
    high: float
    detectable: float


def over_seeds(differences: Sequence[float]) -> OverSeeds:
    """:param differences: ours minus theirs, one per seed."""
    if not any(differences) and len(differences) > 1:
        return OverSeeds(0.0, 1.0, *[math.nan] * 3)
    if len(set(differences)) < 2:
        return OverSeeds(*[math.nan] * 5)
    n = len(differences)
    error = stdev(differences) / math.sqrt(n)
    mean = fmean(differences)
    test = stats.ttest_1samp(differences, 0.0)
    half = float(stats.t.ppf(1 - LEVEL / 2, n - 1)) * error
    return OverSeeds(float(test.statistic), float(test.pvalue), mean - half, mean + half, noncentrality(n) * error)


@cache
def noncentrality(n: int) -> float:
    """How many standard errors the true mean must be from 0 for the two-sided test over n seeds to have its power."""
    limit = float(stats.t.ppf(1 - LEVEL / 2, n - 1))

    # The noncentral t distribution as a mixture over the estimated standard deviation: scipy's own is NaN far out.
    spreads = np.sqrt(stats.chi2.ppf((np.arange(4000) + 0.5) / 4000, n - 1) / (n - 1))

    def excess(distance: float) -> float:
        beyond = stats.norm.sf(limit * spreads - distance) + stats.norm.cdf(-limit * spreads - distance)
        return float(beyond.mean()) - POWER

    return float(brentq(excess, 0.0, 4 * limit))
