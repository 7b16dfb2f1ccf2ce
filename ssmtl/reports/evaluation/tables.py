"""Metrics with intervals over patients, and the same metrics on subgroups."""

import math
from collections.abc import Iterator

from ssmtl.reports.domains import in_order
from ssmtl.reports.table import NOT_DEFINED, PageTable, TableCell, decimal, whole
from ssmtl.runs.files import Results
from ssmtl.suite.layout import head_of

INTERVALS = (
    "In parentheses: the middle 95 % of 1000 resamples of patients, each with all its images; Wilson's interval where "
    "a metric is 0 or 1 on every image. Without one: it is not defined, or the metric of masks has no value per image."
)
SUBGROUPS = (
    "Nothing is tested: with many groups, one looks worse by chance. Small groups depend heavily on chance; a metric "
    "may not be defined on them."
)


def metrics(results: Results) -> Iterator[PageTable]:
    """One table per task: one row per metric, one column per evaluation set."""
    for task, by_domain in results.tasks.items():
        domains = in_order(by_domain)
        names = dict.fromkeys(metric for domain in domains for metric in by_domain[domain])
        rows = [
            [TableCell(_head(results, task, metric)), *(_value(results, task, domain, metric) for domain in domains)]
            for metric in names
        ]
        sizes = {domain: results.counts[task][domain]["images"] for domain in domains}
        columns = [f"{domain} ({results.sources[task][domain]}, {sizes[domain]} images)" for domain in domains]
        yield PageTable(f"{task} ({results.kinds[task]})", ["metric", *columns], rows, INTERVALS)


def subgroups(results: Results) -> Iterator[PageTable]:
    """One table per task, evaluation set and column."""
    for task, by_domain in results.assessed.items():
        for domain in in_order(by_domain):
            for column, groups in by_domain[domain].subgroups.items():
                names = list(next(iter(groups.values())).values)
                rows = [
                    [
                        TableCell(value),
                        whole(one.images),
                        whole(one.patients),
                        *(decimal(one.values.get(metric), undefined=NOT_DEFINED) for metric in names),
                    ]
                    for value, one in groups.items()
                ]
                heads = [_head(results, task, metric) for metric in names]
                yield PageTable(
                    f"{task}, {domain}: by {column}", [column, "images", "patients", *heads], rows, SUBGROUPS
                )


def _head(results: Results, task: str, metric: str) -> str:
    facts = results.metrics.get(task, {}).get(metric)
    return head_of(metric, facts.unit if facts else "")


def _value(results: Results, task: str, domain: str, metric: str) -> TableCell:
    value = float(results.tasks[task][domain].get(metric, math.nan))
    facts = results.metrics.get(task, {}).get(metric)
    counts = facts is not None and facts.is_count and value.is_integer()
    cell = whole(value) if counts else decimal(value, undefined=NOT_DEFINED)
    low, high = results.assessed[task][domain].intervals.get(metric, (math.nan, math.nan))
    if math.isnan(low):
        return cell
    return TableCell(f"{cell.text} ({decimal(low).text}–{decimal(high).text})", cell.order)
