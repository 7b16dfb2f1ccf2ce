"""Two systems at equal budgets, with a paired test over seeds and a paired bootstrap over patients and seeds."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from ssmtl.errors import RunError, warn
from ssmtl.suite.bootstrap import Interval, Seed, bootstrap, minus
from ssmtl.suite.cell import folder_of
from ssmtl.suite.paired_t import OverSeeds, over_seeds
from ssmtl.suite.per_image import statistic_of
from ssmtl.suite.results import ResultRow, SuiteResults
from ssmtl.wording import counted

Pairs = Sequence[tuple[ResultRow, ResultRow]]
"""Rows of two systems, one pair per seed."""

IntervalOf = Callable[[SuiteResults, Pairs, str], Interval | None]


@dataclass(frozen=True)
class Comparison:
    """How two systems differ in one metric.

    :param unit: of the metric.
    :param seeds: that both systems have; every number is over these.
    :param difference: mean of `system` minus mean of `against`.
    :param interval: bootstrap over patients and seeds; None if the metric cannot be resampled.
    """

    sources: str
    budgets: str
    task: str
    domain: str
    metric: str
    unit: str
    system: str
    against: str
    seeds: tuple[int, ...]
    mean: float
    against_mean: float
    difference: float
    over_seeds: OverSeeds
    interval: Interval | None


def compare(results: SuiteResults, one: str, other: str) -> list[Comparison]:
    """Every metric that both systems have, at budgets that agree on their common tasks.

    :param one, other: systems, or their names in tables. :raises RunError: if one has no results, or both are one.
    """
    ours, theirs = results.known(one), results.known(other)
    if ours == theirs:
        raise RunError(f"'{one}' and '{other}' are one system; name another to compare it with")
    return list(comparisons(results, ours, theirs))


def comparisons(
    results: SuiteResults,
    one: str,
    other: str,
    task: str | None = None,
    metrics: Sequence[str] | None = None,
    asked: Callable[[tuple[str, str, str]], bool] = lambda _: True,
    *,
    interval_of: IntervalOf | None = None,
) -> Iterator[Comparison]:
    """:param task, metrics: restrict the comparison to these.

    :param asked: whether rows of these budgets, task and domain are wanted.
    :param interval_of: where intervals over patients come from, if not from the cells' folders.
    """
    for budgets, pairs in places(results, one, other, task, metrics, asked):
        if why := not_compared(pairs):
            warn(why)
        else:
            yield _compared(results, pairs, budgets, interval_of or resampled)


def places(
    results: SuiteResults,
    one: str,
    other: str,
    task: str | None,
    metrics: Sequence[str] | None,
    asked: Callable[[tuple[str, str, str]], bool],
) -> Iterator[tuple[str, Pairs]]:
    """Budgets, and the rows of both systems, one or more pairs, for each metric of a domain that both have."""
    ours = _by_place(results, one, task, metrics)
    theirs = _by_place(results, other, task, metrics)
    for place, mine in ours.items():
        for against, rows in theirs.items():
            if not asked(place[1:4]) or not asked(against[1:4]):
                continue
            if place[0] == against[0] and place[2:] == against[2:] and _agree(place[1], against[1]):
                shared = sorted({row.seed for row in mine} & {row.seed for row in rows})
                pairs = [(_of(mine, seed), _of(rows, seed)) for seed in shared]
                pairs = [pair for pair in pairs if not any(math.isnan(row.value) for row in pair)]
                if pairs:
                    yield max(place[1], against[1], key=len), pairs


def not_compared(pairs: Pairs) -> str:
    """Why two systems cannot be compared: they were tested on different numbers of images; empty if they can be."""
    for one, other in pairs:
        if one.images != other.images:
            where = f"{one.task}, {one.domain}, {one.metric}, seed {one.seed}"
            counts = f"{counted(one.images, 'image')}, {other.system} on {other.images}"
            return f"{where}: not compared, since {one.system} was tested on {counts}"
    return ""


def _by_place(
    results: SuiteResults, system: str, task: str | None, metrics: Sequence[str] | None
) -> dict[tuple[str, str, str, str, str], list[ResultRow]]:
    by_place: dict[tuple[str, str, str, str, str], list[ResultRow]] = {}
    for row in results.rows:
        if row.system == system and task in (None, row.task) and (metrics is None or row.metric in metrics):
            by_place.setdefault((row.sources, row.budgets, row.task, row.domain, row.metric), []).append(row)
    return by_place


def _agree(one: str, other: str) -> bool:
    ours, theirs = (dict(part.split("=") for part in text.split()) for text in (one, other))
    return all(ours[task] == theirs[task] for task in ours.keys() & theirs.keys())


def _of(rows: Sequence[ResultRow], seed: int) -> ResultRow:
    return next(row for row in rows if row.seed == seed)


def _compared(results: SuiteResults, pairs: Pairs, budgets: str, interval_of: IntervalOf) -> Comparison:
    ours, theirs = [one.value for one, _ in pairs], [other.value for _, other in pairs]
    row, other = pairs[0]
    name = f"{row.sources} {budgets} {row.task} {row.domain} {row.metric} {sorted((row.system, other.system))}"
    return Comparison(
        row.sources, budgets, row.task, row.domain, row.metric, row.unit, row.system, other.system,
        tuple(one.seed for one, _ in pairs), fmean(ours), fmean(theirs), fmean(ours) - fmean(theirs),
        over_seeds([a - b for a, b in zip(ours, theirs, strict=True)]), interval_of(results, pairs, name),
    )  # fmt: skip


def resampled(results: SuiteResults, pairs: Pairs, name: str) -> Interval | None:
    """By the bootstrap, from the cells' folders; None if the metric cannot be resampled.

    :param name: determines the random numbers.
    """
    seeds = []
    for one, other in pairs:
        ours, theirs = (
            statistic_of(folder_of(results.folder, row.cell), row.task, row.domain, row.metric) for row in (one, other)
        )
        if ours is None or theirs is None or ours.ids != theirs.ids:
            return None
        seeds.append(Seed(ours.ids, ours.patients, minus(ours.value, theirs.value)))
    return bootstrap(seeds, name)
