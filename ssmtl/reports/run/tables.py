"""The tables of a run's page."""

import math
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from ssmtl.reports.domains import FIRST_DOMAINS, in_order
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.table import NOT_DEFINED, UNDEFINED, PageTable, TableCell, decimal, whole
from ssmtl.suite.layout import head_of
from ssmtl.wording import class_counts


def metrics(run: FinishedRun) -> Iterator[PageTable]:
    """One table per task: one row per metric, one column per domain; with both usual domains, also their difference."""
    for task, by_domain in run.results.tasks.items() if run.results else ():
        domains = in_order(by_domain)
        if not domains:
            continue
        sources = run.results.sources.get(task, {}) if run.results else {}
        columns = ["metric", *(f"{domain} ({sources[domain]})" if domain in sources else domain for domain in domains)]
        both = all(domain in by_domain for domain in FIRST_DOMAINS)
        rows = []
        for metric in dict.fromkeys(metric for domain in domains for metric in by_domain[domain]):
            head = head_of(metric, run.unit(task, metric))
            values = [float(by_domain[domain].get(metric, math.nan)) for domain in domains]
            count = run.is_count(task, metric) and all(value.is_integer() for value in values)
            shown = whole if count else partial(decimal, undefined=NOT_DEFINED)
            row = [TableCell(head), *(shown(value) for value in values)]
            if both:
                row.append(shown(values[1] - values[0], signed=True))
            rows.append(row)
        kind = run.results.kinds.get(task) if run.results else None
        note = "cross − in: the value in cross_domain minus that in in_domain." if both else ""
        yield PageTable(f"{task} ({kind})" if kind else task, [*columns, "cross − in"] if both else columns, rows, note)


def spread(run: FinishedRun) -> PageTable:
    """Quantiles over images of each metric that has per-image values."""
    rows = []
    for (task, domain, metric), by_image in run.per_image.items():
        values = np.array(list(by_image.values()))
        known = values[np.isfinite(values)]
        quantiles = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0]) if len(known) else [math.nan] * 5
        numbers = [whole(len(known)), whole(len(values) - len(known)), *(decimal(value) for value in quantiles)]
        head = head_of(metric, run.unit(task, metric))
        rows.append([TableCell(task), TableCell(domain), TableCell(head), *numbers])
    columns = ["task", "domain", "metric", "defined", "undefined", "minimum", "Q1", "median", "Q3", "maximum"]
    note = (
        "Quartiles over the images on which the metric is defined. This is the spread between images of one run; "
        "it says nothing about other seeds."
    )
    return PageTable("Spread over images", columns, rows, note)


def counts(run: FinishedRun) -> PageTable:
    """How many images were evaluated, and how many references were empty."""
    by_task = run.results.counts if run.results else {}
    keys = list(dict.fromkeys(key for domains in by_task.values() for one in domains.values() for key in one))
    rows = [
        [TableCell(task), TableCell(domain), *(whole(domains[domain].get(key)) for key in keys)]
        for task, domains in by_task.items()
        for domain in in_order(domains)
    ]
    columns = ["task", "domain", *(key.replace("_", " ") for key in keys)]
    return PageTable("Evaluated images", columns, rows, f"{UNDEFINED}: not counted for this task.")


def budgets(run: FinishedRun) -> PageTable:
    """How many images of each task were available to training, and for what."""
    rows = []
    for task, budget in run.results.budgets.items() if run.results else ():
        named = class_counts(budget.labeled_classes, budget.known)
        others = "".join(f" ({count} of {source})" for source, count in budget.unlabeled_of.items())
        unlabeled = TableCell(f"{whole(budget.unlabeled).text}{others}") if others else whole(budget.unlabeled)
        sizes = (whole(budget.labeled), unlabeled, whole(budget.val))
        rows.append([TableCell(task), *sizes, TableCell(named or UNDEFINED)])
    budgets = run.results.budgets if run.results else {}
    both = [task for task, budget in budgets.items() if budget.unlabeled_includes_labeled]
    note = f"Unlabelled includes the labelled images, used without their labels: {', '.join(both)}." if both else ""
    return PageTable(
        "Label budgets", ["task", "labelled", "unlabelled", "validation", "labelled, by class"], rows, note
    )


def split(run: FinishedRun) -> PageTable:
    """Sizes of the parts in split.json, and how many ids the validation part shares with the others."""
    rows = []
    for task, parts in run.split.tasks.items() if run.split else ():
        ids = {"labeled": set(parts.labeled), "unlabeled": set(parts.unlabeled), "val": set(parts.val)}
        both = [whole(len(ids["val"] & ids[part])) for part in ("labeled", "unlabeled")]
        ids["unlabeled"].update(f"{source}/{one}" for source, listed in parts.unlabeled_of.items() for one in listed)
        tests = ", ".join(f"{domain}: {len(part.ids)}" for domain, part in parts.test.items())
        sizes = (whole(len(part)) for part in ids.values())
        rows.append([TableCell(task), *sizes, *both, TableCell(tests or UNDEFINED)])
    columns = [
        "task",
        "labelled",
        "unlabelled",
        "validation",
        "in validation and labelled",
        "in validation and unlabelled",
        "test domains",
    ]
    note = "Counted from the ids in split.json. The two columns of shared images should both be 0."
    return PageTable(f"Split (seed {run.split.seed})" if run.split else "Split", columns, rows, note)


def environment(run: FinishedRun) -> PageTable:
    """The software and machine of the run: environment.json, one row per value."""
    facts = run.environment.model_dump() if run.environment else {}
    rows = [[TableCell(key), TableCell(value)] for key, value in _leaves(facts, "")]
    return PageTable("Environment", ["item", "value"], rows)


def _leaves(value: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        yield key, " ".join(str(one) for one in value)
    else:
        yield key, UNDEFINED if value is None else str(value)
