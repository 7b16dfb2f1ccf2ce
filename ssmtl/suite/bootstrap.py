"""The paired bootstrap over test images (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From counts (resamples, images), how often each image was drawn, to a value a resample."""

RESAMPLES = 10_000
CHUNK = 500
"""Resamples at a time: what fits in memory."""


@dataclass(frozen=True)
class Seed:
    """One seed's pair of systems on the same images. :param difference: of the metric, ours minus theirs."""

    ids: tuple[str, ...]
    difference: Statistic


@dataclass(frozen=True)
class Interval:
    """:param low, high: 95 % of the resampled differences. :param p: two-sided."""

    images: int
    low: float
    high: float
    p: float


def bootstrap(seeds: Sequence[Seed], name: str, resamples: int = RESAMPLES) -> Interval:
    """How sure the sign of the mean difference over seeds is, would other test images have been drawn.

    Seeds with the same images share their resamples; a seed with images of its own has resamples of its own. The
    networks are taken as they are: for other labels and initial weights, see the test over seeds.

    :param name: what the random numbers are a function of.
    """
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    found = np.concatenate([_chunk(seeds, random, min(CHUNK, resamples - at)) for at in range(0, resamples, CHUNK)])
    found = found[np.isfinite(found)]
    if not len(found):
        return Interval(len(seeds[0].ids), float("nan"), float("nan"), float("nan"))
    tail = min((found <= 0).sum(), (found >= 0).sum())
    low, high = np.quantile(found, [0.025, 0.975])
    images = len({one for seed in seeds for one in seed.ids})
    return Interval(images, float(low), float(high), min(1.0, float(2 * (tail + 1) / (len(found) + 1))))


def _chunk(seeds: Sequence[Seed], random: np.random.Generator, size: int) -> Floats:
    drawn: dict[tuple[str, ...], Floats] = {}
    values = []
    for seed in seeds:
        if seed.ids not in drawn:
            count = len(seed.ids)
            drawn[seed.ids] = random.multinomial(count, np.full(count, 1 / count), size).astype(np.float64)
        values.append(seed.difference(drawn[seed.ids]))
    mean: Floats = np.mean(values, axis=0)
    return mean


def mean_of(values: Floats) -> Statistic:
    """The mean of a value an image; images without one (NaN) are left out."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)

    def statistic(counts: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (counts @ filled) / (counts @ known.astype(np.float64))
        return found

    return statistic


def area_under_roc(scores: Floats, positive: NDArray[np.bool_]) -> Statistic:
    """The probability that a positive scores above a negative, ties counting half; NaN without one of the two."""
    _, place, size = np.unique(scores, return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    starts = np.concatenate([[0], np.cumsum(size)[:-1]])
    is_positive = positive[order].astype(np.float64)

    def statistic(counts: Floats) -> Floats:
        drawn = counts[:, order]
        above = np.add.reduceat(drawn * is_positive, starts, axis=1)
        below = np.add.reduceat(drawn * (1 - is_positive), starts, axis=1)
        won = (above * (np.cumsum(below, axis=1) - below / 2)).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            area: Floats = won / (above.sum(1) * below.sum(1))
        return area

    return statistic


def minus(ours: Statistic, theirs: Statistic) -> Statistic:
    """The difference of two statistics of the same images."""
    return lambda counts: ours(counts) - theirs(counts)
