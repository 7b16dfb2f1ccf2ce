"""The paper's layout of a table: one row per system and budgets, one column per metric of each task."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ssmtl.suite.aggregate import FEW, Group, Summary, shared_seeds
from ssmtl.suite.reference import Published, Reference
from ssmtl.suite.results import SuiteResults

PROPER = {name.lower(): name for name in ("AUROC", "Dice", "F1", "Hausdorff", "Jaccard", "MAE", "RMSE", "SSIM")}
"""Words of metrics' names that are not written in lower case."""

NOTES = (
    "Mean ± sample standard deviation over seeds; n is the number of seeds.",
    f"† Fewer than {FEW} seeds: a mean of so few is not compared.",
    "‡ Tested on another number of images than most systems with as many labels: not compared.",
    f"Bold: the best among the systems with the same number of labels for the task and at least {FEW} seeds, by the "
    "mean over the seeds that all of these have. It says nothing about significance: see significance.csv.",
)


@dataclass(frozen=True)
class Place:
    """Our number and the published one.

    :param best: whether it is the best of its column among the systems with the same labels and `FEW` seeds or more, by
        the mean over the seeds that these all have.
    :param apart: whether it was tested on other images than most of the systems with the same labels.
    """

    summary: Summary
    published: Published | None
    best: bool
    apart: bool

    @property
    def ours(self) -> str:
        """'0.903 ± 0.009'; '12' for a count that all seeds agree on; with a dagger below `FEW` seeds and a double
        dagger if it was tested on other images; a dash if undefined.
        """
        summary = self.summary
        if math.isnan(summary.mean):
            return "–"
        if summary.is_count and len(set(summary.by_seed.values())) == 1 and summary.mean.is_integer():
            return f"{summary.mean:.0f}{self.mark}"
        spread = "" if math.isnan(summary.std) else f" ± {summary.std:.3f}"
        return f"{summary.mean:.3f}{spread}{self.mark}"

    @property
    def mark(self) -> str:
        """A dagger below `FEW` seeds, a double dagger for other images."""
        return ("†" if self.summary.n < FEW else "") + ("‡" if self.apart else "")

    @property
    def theirs(self) -> str:
        """'0.954 ± 0.002'; empty if nothing is published."""
        if self.published is None or not self.published.mean:
            return "" if self.published is None else "unreadable"
        return self.published.mean + (f" ± {self.published.std}" if self.published.std else "")


@dataclass(frozen=True)
class Line:
    """:param labeled: labels by task. :param places: by (task, metric). :param n: seeds."""

    system: str
    label: str
    labeled: dict[str, str]
    places: dict[tuple[str, str], Place]
    n: int


@dataclass(frozen=True)
class Layout:
    """One table: all systems on one domain of one sources file.

    :param columns: (task, metric). :param heads: of the columns, with units.
    """

    sources: str
    domain: str
    tasks: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    heads: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """Those needed to read it."""
        apart = any(place.apart for line in self.lines for place in line.places.values())
        return NOTES if apart else tuple(note for note in NOTES if not note.startswith("‡"))


def layouts(results: SuiteResults, summaries: Sequence[Summary], reference: Reference) -> list[Layout]:
    """One table per sources file and domain."""
    keys = dict.fromkeys((one.group.sources, one.group.domain) for one in summaries)
    return [_layout(results, summaries, reference, *key) for key in keys]


def _layout(
    results: SuiteResults, summaries: Sequence[Summary], reference: Reference, sources: str, domain: str
) -> Layout:
    own = [one for one in summaries if (one.group.sources, one.group.domain) == (sources, domain)]
    apart = _apart(own)
    columns = tuple(sorted(dict.fromkeys((one.group.task, one.group.metric) for one in own), key=lambda c: c[0]))
    tasks = tuple(dict.fromkeys(task for task, _ in columns))
    lines = []
    for system in results.systems:
        for budgets in dict.fromkeys(one.group.budgets for one in own if one.group.system == system):
            mine = [one for one in own if (one.group.system, one.group.budgets) == (system, budgets)]
            places = {
                (one.group.task, one.group.metric): Place(
                    one, reference.of(one.group), _best(one, own, apart), one.group in apart
                )
                for one in mine
            }
            labeled = {one.group.task: one.group.labeled for one in mine}
            lines.append(Line(system, results.label(system), labeled, places, max(one.n for one in mine)))
    units = {(one.group.task, one.group.metric): one.unit for one in own}
    heads = tuple(head_of(metric, units[task, metric]) for task, metric in columns)
    return Layout(sources, domain, tasks, columns, heads, tuple(lines))


def domain_words(domain: str) -> str:
    """'in domain' for in_domain, 'cross domain' for cross_domain; any other name as its author wrote it."""
    return domain.replace("_", " ") if domain in ("in_domain", "cross_domain") else domain


def head_of(metric: str, unit: str) -> str:
    """The metric as a heading: 'average Hausdorff (px)'."""
    words = " ".join(PROPER.get(word, word) for word in metric.split("_"))
    return f"{words} ({unit})" if unit else words


def _best(one: Summary, own: Sequence[Summary], apart: Collection[Group]) -> bool:
    """A single system is never best, and neither is one whose rivals share fewer than `FEW` seeds with it, or that was
    tested on other images than they.
    """
    rivals = [other for other in _rivals(one, own) if other.n >= FEW and other.group not in apart]
    seeds = shared_seeds(rivals)
    if len(rivals) < 2 or len(seeds) < FEW or one not in rivals or one.higher_is_better is None:
        return False
    means = [other.mean_over(seeds) for other in rivals]
    return one.mean_over(seeds) == (max if one.higher_is_better else min)(means)


def _rivals(one: Summary, own: Sequence[Summary]) -> list[Summary]:
    """Of the same column and labels, itself included."""

    def column(group: Group) -> tuple[str, str, str]:
        return group.task, group.metric, group.labeled

    return [other for other in own if column(other.group) == column(one.group)]


def _apart(own: Sequence[Summary]) -> set[Group]:
    """Those with which fewer of their rivals agree on how many images are tested than with some other."""
    rivals = {one.group: _rivals(one, own) for one in own}
    agreeing = {one.group: sum(one.same_images(other) for other in rivals[one.group]) for one in own}
    return {group for group, others in rivals.items() if agreeing[group] < max(agreeing[one.group] for one in others)}
