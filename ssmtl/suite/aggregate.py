"""Means and spreads over seeds."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from ssmtl.suite.results import ResultRow

FEW = 3
"""Seeds below which a mean is marked and never the best of its column."""


@dataclass(frozen=True)
class Group:
    """What the rows that are averaged over seeds have in common."""

    sources: str
    domain: str
    system: str
    budgets: str
    task: str
    labeled: str
    metric: str


@dataclass(frozen=True)
class Summary:
    """:param by_seed: the values, without undefined ones. :param higher_is_better, unit: of the metric.

    :param cells: names of the cells of all seeds. :param images: how many were tested, by seed.
    """

    group: Group
    by_seed: Mapping[int, float]
    higher_is_better: bool | None
    unit: str
    cells: tuple[str, ...]
    images: Mapping[int, int]

    @property
    def is_count(self) -> bool:
        """Whether the metric counts something: neither direction is better, and it has a unit."""
        return self.higher_is_better is None and self.unit != ""

    @property
    def n(self) -> int:
        """Seeds with a value."""
        return len(self.by_seed)

    @property
    def mean(self) -> float:
        """NaN without a value."""
        return fmean(self.by_seed.values()) if self.by_seed else math.nan

    @property
    def std(self) -> float:
        """The sample standard deviation (n − 1); NaN for a single seed."""
        return stdev(self.by_seed.values()) if self.n > 1 else math.nan

    def same_images(self, other: "Summary") -> bool:
        """Whether both were tested on equally many images in every seed that both have."""
        return all(self.images[seed] == other.images[seed] for seed in self.images.keys() & other.images.keys())

    def mean_over(self, seeds: Iterable[int]) -> float:
        """The mean over some of its seeds."""
        return fmean(self.by_seed[seed] for seed in seeds)


def aggregated(rows: Iterable[ResultRow]) -> list[Summary]:
    """One summary per group, in the order of the rows."""
    groups: dict[Group, list[ResultRow]] = {}
    for row in rows:
        key = Group(row.sources, row.domain, row.system, row.budgets, row.task, row.labeled, row.metric)
        groups.setdefault(key, []).append(row)
    return [_summary(group, members) for group, members in groups.items()]


def _summary(group: Group, rows: list[ResultRow]) -> Summary:
    by_seed = {row.seed: row.value for row in rows if not math.isnan(row.value)}
    images = {row.seed: row.images for row in rows}
    return Summary(group, by_seed, rows[0].higher_is_better, rows[0].unit, tuple(row.cell for row in rows), images)


def shared_seeds(summaries: Iterable[Summary]) -> list[int]:
    """The seeds that all of them have."""
    sets = [set(one.by_seed) for one in summaries]
    return sorted(set.intersection(*sets)) if sets else []
