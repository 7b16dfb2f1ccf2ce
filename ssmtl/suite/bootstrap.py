"""The paired bootstrap over test images (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From counts (resamples, images), how often each image was drawn, to one value per resample."""

RESAMPLES = 10_000
CHUNK = 500
"""Resamples per batch, to limit memory."""


@dataclass(frozen=True)
class Seed:
    """Two systems on the same images, for one seed. :param difference: of the metric, ours minus theirs."""

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
    """A 95 % interval and a two-sided p of the mean difference over seeds, by resampling the test images.

    Seeds with the same images share their resamples; a seed with images of its own has its own resamples. The trained
    networks are taken as given: for other labels and initial weights, see the test over seeds.

    :param name: determines the random numbers.
    """
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    differences = np.concatenate(
        [_chunk(seeds, random, min(CHUNK, resamples - at)) for at in range(0, resamples, CHUNK)]
    )
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return Interval(len(seeds[0].ids), float("nan"), float("nan"), float("nan"))
    tail = min((differences <= 0).sum(), (differences >= 0).sum())
    low, high = np.quantile(differences, [0.025, 0.975])
    images = len({one for seed in seeds for one in seed.ids})
    return Interval(images, float(low), float(high), min(1.0, float(2 * (tail + 1) / (len(differences) + 1))))


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
    """The mean of per-image values; images without one (NaN) are left out."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)

    def statistic(counts: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = (counts @ filled) / (counts @ known.astype(np.float64))
        return mean

    return statistic


def area_under_roc(scores: Floats, positive: NDArray[np.bool_]) -> Statistic:
    """The probability that a positive scores above a negative, ties counting half; NaN if either class is missing."""
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
