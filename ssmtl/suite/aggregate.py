"""Means and spreads over seeds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

from ssmtl.suite.results import Row


@dataclass(frozen=True)
class Group:
    """What is averaged over seeds."""

    sources: str
    domain: str
    system: str
    budgets: str
    task: str
    labeled: str
    metric: str


@dataclass(frozen=True)
class Summary:
    """:param n: seeds with a value. :param std: of a sample (n − 1); NaN for one seed.

    :param cells: of all its seeds.
    """

    group: Group
    n: int
    mean: float
    std: float
    cells: tuple[str, ...]


def aggregated(rows: Iterable[Row]) -> list[Summary]:
    """One summary a group, in the order of the rows; values that are not defined are left out."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        key = Group(row.sources, row.domain, row.system, row.budgets, row.task, row.labeled, row.metric)
        groups.setdefault(key, []).append(row)
    return [_summary(key, found) for key, found in groups.items()]


def _summary(group: Group, rows: list[Row]) -> Summary:
    values = [row.value for row in rows if not math.isnan(row.value)]
    mean = fmean(values) if values else math.nan
    spread = stdev(values) if len(values) > 1 else math.nan
    return Summary(group, len(values), mean, spread, tuple(row.cell for row in rows))
