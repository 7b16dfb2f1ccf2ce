"""The paired bootstrap over patients, crossed with seeds (Efron and Tibshirani, "An Introduction to the Bootstrap").

Images of one patient are not independent, so patients are drawn, each with all its images. Seeds are drawn too, crossed
with patients (Owen, "The pigeonhole bootstrap", 2007).
"""

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
    """Two systems on the same images, for one seed.

    :param ids: of the images. :param patients: of each image. :param difference: of the metric, ours minus theirs.
    """

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    difference: Statistic


@dataclass(frozen=True)
class Interval:
    """:param patients, images: how many, over all seeds; no patients if they are unknown.

    :param low, high: 95 % of the resampled differences.
    :param p: two-sided. :param least: the smallest p that this number of resamples can give.
    """

    patients: int
    images: int
    low: float
    high: float
    p: float
    least: float


def bootstrap(seeds: Sequence[Seed], name: str, resamples: int = RESAMPLES) -> Interval:
    """A 95 % interval and a two-sided p of the mean difference over seeds, by resampling patients and seeds.

    A patient who is tested in several seeds is drawn equally often in all of them. With one seed only patients are
    drawn, and the trained networks are taken as given. With few seeds the bootstrap understates their spread, by a
    factor of (n - 1) / n in the variance: see the test over seeds.

    :param name: determines the random numbers.
    """
    everyone = sorted({patient for seed in seeds for patient in seed.patients})
    place = {patient: index for index, patient in enumerate(everyone)}
    of_images = [np.array([place[patient] for patient in seed.patients], dtype=np.int64) for seed in seeds]
    images = len({name for seed in seeds for name in seed.ids})
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    differences = np.concatenate(
        [
            _chunk(seeds, of_images, len(everyone), random, min(CHUNK, resamples - at))
            for at in range(0, resamples, CHUNK)
        ]
    )
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return Interval(len(everyone), images, *[float("nan")] * 4)
    tail = min((differences <= 0).sum(), (differences >= 0).sum())
    low, high = np.quantile(differences, [0.025, 0.975])
    p, least = (min(1.0, float(2 * (count + 1) / (len(differences) + 1))) for count in (tail, 0))
    return Interval(len(everyone), images, float(low), float(high), p, least)


def _chunk(
    seeds: Sequence[Seed], of_images: Sequence[NDArray[np.int64]], patients: int, random: np.random.Generator, size: int
) -> Floats:
    drawn = random.multinomial(patients, np.full(patients, 1 / patients), size).astype(np.float64)
    often = random.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size).T
    values = [seed.difference(drawn[:, images]) for seed, images in zip(seeds, of_images, strict=True)]
    with np.errstate(invalid="ignore"):
        drawn_values = np.where(often > 0, often * np.array(values), 0.0)  # a seed that is not drawn may be undefined
    mean: Floats = drawn_values.sum(0) / len(seeds)
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
        above = drawn * is_positive
        below = drawn - above
        if len(starts) < len(order):  # ties
            above, below = (np.add.reduceat(one, starts, axis=1) for one in (above, below))
        won = (above * (np.cumsum(below, axis=1) - below / 2)).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            area: Floats = won / (above.sum(1) * below.sum(1))
        return area

    return statistic


def minus(ours: Statistic, theirs: Statistic) -> Statistic:
    """The difference of two statistics of the same images."""
    return lambda counts: ours(counts) - theirs(counts)
