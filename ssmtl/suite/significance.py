"""`tables/significance.csv`: the comparisons that the suite asks for, corrected within each question."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.suite.compare import Comparison, IntervalOf, comparisons, not_compared, places, resampled
from ssmtl.suite.results import SuiteResults
from ssmtl.suite.suite_file import Compare

COLUMNS = (
    "question", "sources", "budgets", "task", "domain", "metric", "system", "against", "seeds", "mean", "against_mean",
    "difference", "seeds_low", "seeds_high", "detectable", "t", "p_t", "p_t_holm", "patients", "images", "low", "high",
    "p_boot", "p_boot_least", "p_boot_holm",
)  # fmt: skip


def write_significance(path: Path, results: SuiteResults, interval_of: IntervalOf = resampled) -> Path:
    """One row per comparison. Holm's correction is over the rows of a question: an entry of the suite's `compare`, or
    several with the same words.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    questions: dict[str, list[Compare]] = {}
    for number, asked in enumerate(results.suite.compare, start=1):
        questions.setdefault(asked.question or f"question {number}", []).append(asked)
    for question, entries in questions.items():
        compared = [one for asked in entries for one in _compared(results, asked, interval_of)]
        over_seeds = holm([one.over_seeds.p for one in compared])
        over_images = holm([one.interval.p if one.interval else math.nan for one in compared])
        for one, p_t, p_boot in zip(compared, over_seeds, over_images, strict=True):
            writer.writerow([question, *_row(one, p_t, p_boot)])
    write_text(path, text.getvalue())
    return path


def left_out(results: SuiteResults) -> list[str]:
    """Why comparisons that the suite asks for are not made, one line for each."""
    found = [
        not_compared(pairs)
        for asked in results.suite.compare
        for other, task, metrics, wanted in _questions(asked)
        for _, pairs in places(results, asked.system, other, task, metrics, wanted)
    ]
    return [why for why in found if why]


def _compared(results: SuiteResults, asked: Compare, interval_of: IntervalOf) -> Iterator[Comparison]:
    for other, task, metrics, wanted in _questions(asked):
        yield from comparisons(results, asked.system, other, task, metrics, wanted, interval_of=interval_of)


def _questions(asked: Compare) -> Iterator[tuple[str, str, Sequence[str], Callable[[tuple[str, str, str]], bool]]]:
    """The other system, the task, metrics, and which budgets, task and domain are asked for."""
    for task, others in asked.against.items():
        for other in others:
            yield other, task, asked.metrics.get(task, ()), lambda place: _asked(asked, *place)


def _asked(asked: Compare, budgets: str, task: str, domain: str) -> bool:
    """Whether a place in the results is one that an entry asks for."""
    found = dict(part.split("=") for part in budgets.split())
    return domain in asked.domains.get(task, [domain]) and all(
        found.get(name) in (None, *map(str, wanted)) for name, wanted in asked.budgets.items()
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979); NaN stays NaN."""
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted


def _row(one: Comparison, p_t: float, p_boot: float) -> list[object]:
    interval, paired = one.interval, one.over_seeds
    over_seeds = (one.mean, one.against_mean, one.difference, paired.low, paired.high, paired.detectable, paired.t)
    over_images = (interval.low, interval.high, interval.p, interval.least) if interval else (math.nan,) * 4
    return [
        one.sources, one.budgets, one.task, one.domain, one.metric, one.system, one.against, len(one.seeds),
        *(number_text(value) for value in (*over_seeds, paired.p, p_t)),
        *((interval.patients or "", interval.images) if interval else ("", "")),
        *(number_text(value) for value in (*over_images, p_boot)),
    ]  # fmt: skip


def number_text(value: float) -> str:
    """Six significant digits; empty if undefined."""
    return "" if math.isnan(value) else f"{value:.6g}"
