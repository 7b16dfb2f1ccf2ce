"""The tables of the page, as text; numbers keep their full value for sorting."""

import math
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssmtl.report.finished_run import FIRST_DOMAINS, FinishedRun, in_order, number

UNDEFINED = "–"


@dataclass(frozen=True)
class Cell:
    """:param order: what the column is sorted by if it is a column of numbers; NaN sorts last.

    :param links: texts and addresses, in the place of the text.
    """

    text: str
    order: float | None = None
    links: Sequence[tuple[str, str]] = ()

    @property
    def key(self) -> str:
        """`order` for the page: empty if not defined."""
        return "" if self.order is None or math.isnan(self.order) else repr(self.order)


@dataclass(frozen=True)
class Table:
    """:param note: what a reader must know to read the numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def decimal(value: object, signed: bool = False) -> Cell:
    """A measured number with three decimals, or four digits if it is large."""
    measured = number(value)
    if math.isnan(measured):
        return Cell(UNDEFINED, math.nan)
    text = f"{measured:+.3f}" if signed else f"{measured:.3f}"
    text = (
        f"{measured:+.4g}" if signed and abs(measured) >= 1000 else f"{measured:.4g}" if abs(measured) >= 1000 else text
    )
    return Cell(text.replace("-", "−"), measured)


def whole(value: object) -> Cell:
    """A count, with thin spaces between thousands."""
    counted = number(value)
    return (
        Cell(UNDEFINED, math.nan)
        if not math.isfinite(counted)
        else Cell(f"{counted:,.0f}".replace(",", "\u202f"), counted)
    )


def metrics(run: FinishedRun) -> Iterator[Table]:
    """Per task, a row a metric and a column a domain; with both usual domains also their difference."""
    for task, by_domain in run.results.get("tasks", {}).items():
        domains = in_order(by_domain)
        if not domains:
            continue
        sources = run.results.get("sources", {}).get(task, {})
        columns = ["metric", *(f"{domain} ({sources[domain]})" if domain in sources else domain for domain in domains)]
        both = all(domain in by_domain for domain in FIRST_DOMAINS)
        rows = []
        for metric in dict.fromkeys(metric for domain in domains for metric in by_domain[domain]):
            row = [Cell(metric), *(decimal(by_domain[domain].get(metric)) for domain in domains)]
            if both:
                inside, outside = (number(by_domain[domain].get(metric)) for domain in FIRST_DOMAINS)
                row.append(decimal(outside - inside, signed=True))
            rows.append(row)
        kind = run.results.get("kinds", {}).get(task)
        yield Table(f"{task} ({kind})" if kind else task, [*columns, "cross − in"] if both else columns, rows)


def spread(run: FinishedRun) -> Table:
    """Quantiles over images of each per-image metric."""
    rows = []
    for (task, domain, metric), column in run.per_image.items():
        values = np.asarray(column, dtype=float)
        known = values[np.isfinite(values)]
        quantiles = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0]) if len(known) else [math.nan] * 5
        counts = [whole(len(known)), whole(len(values) - len(known))]
        rows.append([Cell(task), Cell(domain), Cell(metric), *counts, *(decimal(value) for value in quantiles)])
    columns = ["task", "domain", "metric", "defined", "undefined", "minimum", "Q1", "median", "Q3", "maximum"]
    note = (
        "Images on which the metric is defined, and their quartiles. This is the spread between images of one run; "
        "it says nothing of other seeds."
    )
    return Table("Spread over images", columns, rows, note)


def counts(run: FinishedRun) -> Table:
    """How many images were evaluated, and how many references were empty."""
    found = run.results.get("counts", {})
    keys = list(dict.fromkeys(key for domains in found.values() for one in domains.values() for key in one))
    rows = [
        [Cell(task), Cell(domain), *(whole(domains[domain].get(key)) for key in keys)]
        for task, domains in found.items()
        for domain in in_order(domains)
    ]
    return Table(
        "Evaluated images",
        ["task", "domain", *(_words(key) for key in keys)],
        rows,
        f"{UNDEFINED}: not counted for this task.",
    )


def budgets(run: FinishedRun) -> Table:
    """How many images of each task the training might use, and how."""
    rows = []
    for task, budget in run.results.get("budgets", {}).items():
        classes = budget.get("labeled_classes") or {}
        named = ", ".join(f"{name}: {whole(count).text}" for name, count in classes.items())
        rows.append(
            [
                Cell(task),
                *(whole(budget.get(part)) for part in ("labeled", "unlabeled", "val")),
                Cell(named or UNDEFINED),
            ]
        )
    return Table("Label budgets", ["task", "labelled", "unlabelled", "validation", "labelled, by class"], rows)


def split(run: FinishedRun) -> Table:
    """Sizes of the parts named in split.json, and how many ids the validation part shares with each other part."""
    rows = []
    for task, parts in run.split.get("tasks", {}).items():
        ids = {part: set(map(str, parts.get(part) or [])) for part in ("labeled", "unlabeled", "val")}
        both = [whole(len(ids["val"] & ids[part])) for part in ("labeled", "unlabeled")]
        tests = ", ".join(_sizes({domain: part["ids"] for domain, part in parts.get("test", {}).items()}))
        rows.append([Cell(task), *(whole(len(ids[part])) for part in ids), *both, Cell(tests or UNDEFINED)])
    columns = [
        "task",
        "labelled",
        "unlabelled",
        "validation",
        "in validation and labelled",
        "in validation and unlabelled",
        "test domains",
    ]
    seed = run.split.get("seed")
    note = "Counted from the ids in split.json. The two columns of shared images should be 0."
    return Table("Split" if seed is None else f"Split (seed {seed})", columns, rows, note)


def environment(run: FinishedRun) -> Table:
    """What ran where: environment.json, a row a leaf."""
    return Table(
        "Environment", ["what", "value"], [[Cell(key), Cell(value)] for key, value in _leaves(run.environment, "")]
    )


def _leaves(value: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        yield key, " ".join(str(one) for one in value)
    else:
        yield key, UNDEFINED if value is None else str(value)


def _sizes(domains: Any) -> Iterator[str]:
    """'domain: n' for each domain that lists its ids or counts them."""
    for domain, ids in domains.items() if isinstance(domains, Mapping) else ():
        if isinstance(ids, int):
            yield f"{domain}: {ids}"
        elif isinstance(ids, Sized) and not isinstance(ids, str):
            yield f"{domain}: {len(ids)}"


def _words(key: str) -> str:
    return key.replace("_", " ")
