"""`tables/significance.csv`: the comparisons that the suite asks for, corrected for their number."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.suite.compare import Comparison, comparisons
from ssmtl.suite.results import SuiteResults

COLUMNS = (
    "sources", "budgets", "task", "domain", "metric", "system", "against", "seeds", "mean", "against_mean",
    "difference", "t", "p_t", "p_t_holm", "images", "low", "high", "p_boot", "p_boot_holm",
)  # fmt: skip


def write_significance(path: Path, results: SuiteResults) -> Path:
    """One row per comparison, with Holm's correction over all rows of the table."""
    compared = [
        comparison
        for requested in results.suite.compare
        for task, others in requested.against.items()
        for other in others
        for comparison in comparisons(results, requested.system, other, task, requested.metrics.get(task, ()))
    ]
    over_seeds = holm([one.p_t for one in compared])
    over_images = holm([one.interval.p if one.interval else math.nan for one in compared])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one, p_t, p_boot in zip(compared, over_seeds, over_images, strict=True):
        writer.writerow(_row(one, p_t, p_boot))
    write_text(path, text.getvalue())
    return path


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979); NaN stays NaN."""
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted


def _row(one: Comparison, p_t: float, p_boot: float) -> list[object]:
    interval = one.interval
    over_images = (interval.low, interval.high, interval.p, p_boot) if interval else (math.nan,) * 4
    return [
        one.sources, one.budgets, one.task, one.domain, one.metric, one.system, one.against, one.seeds,
        *(_number(value) for value in (one.mean, one.against_mean, one.difference, one.t, one.p_t, p_t)),
        interval.images if interval else "", *(_number(value) for value in over_images),
    ]  # fmt: skip


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
