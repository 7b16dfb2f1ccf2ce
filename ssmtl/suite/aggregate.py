"""Means and spreads over seeds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

from ssmtl.suite.results import ResultRow


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
    """:param n: seeds with a value. :param std: sample standard deviation (n − 1); NaN for a single seed.

    :param higher_is_better, unit: of the metric. :param cells: names of the cells of all seeds.
    """

    group: Group
    n: int
    mean: float
    std: float
    higher_is_better: bool | None
    unit: str
    cells: tuple[str, ...]


def aggregated(rows: Iterable[ResultRow]) -> list[Summary]:
    """One summary per group, in the order of the rows; undefined values are left out."""
    groups: dict[Group, list[ResultRow]] = {}
    for row in rows:
        key = Group(row.sources, row.domain, row.system, row.budgets, row.task, row.labeled, row.metric)
        groups.setdefault(key, []).append(row)
    return [_summary(group, members) for group, members in groups.items()]


def _summary(group: Group, rows: list[ResultRow]) -> Summary:
    values = [row.value for row in rows if not math.isnan(row.value)]
    mean = fmean(values) if values else math.nan
    spread = stdev(values) if len(values) > 1 else math.nan
    first = rows[0]
    cells = tuple(row.cell for row in rows)
    return Summary(group, len(values), mean, spread, first.higher_is_better, first.unit, cells)
