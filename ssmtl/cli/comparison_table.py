"""`ssmtl bench compare`: as a table in the terminal, or as JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from ssmtl.suite.compare import Comparison
from ssmtl.suite.layout import domain_words, head_of
from ssmtl.suite.p_value import p_text
from ssmtl.suite.results import SuiteResults
from ssmtl.wording import counted

MEANS = ("A", "B", "A − B")
UNLIMITED = 1000
"""Characters: wider than any table."""


def print_comparison(console: Console, results: SuiteResults, comparisons: Sequence[Comparison]) -> None:
    """One table per sources file, budgets, task and domain; one row per metric. Narrow where the terminal is."""
    if not comparisons:
        console.print("The two systems have no two runs with the same sources, labels, task, metric and seed.")
        return
    a, b = (results.label(name) for name in (comparisons[0].system, comparisons[0].against))
    console.print(f"A: [bold]{escape(a)}[/]   B: [bold]{escape(b)}[/]", highlight=False)
    places = dict.fromkeys((one.sources, one.budgets, one.task, one.domain) for one in comparisons)
    for place in places:
        own = [one for one in comparisons if (one.sources, one.budgets, one.task, one.domain) == place]
        sources, budgets, task, domain = place
        title = f"{task}, {domain_words(domain)} ({sources}, {budgets}, {counted(len(own[0].seeds), 'seed')})"
        wide = _wide(own)
        fits = Measurement.get(console, console.options.update(width=UNLIMITED), wide).maximum <= console.width
        console.print(f"\n[bold]{escape(title)}[/]", highlight=False)
        console.print(wide if fits else _narrow(own), highlight=False)
    console.print(
        "A − B: the difference of the means. Seeds: Student's t, paired over seeds: 95 % interval and p; detectable: "
        "the smallest true difference that this many seeds would detect four times out of five. Patients: paired "
        "bootstrap over patients and seeds. Neither p is corrected for the number of rows.",
        highlight=False,
    )


def _table(first: Sequence[str], others: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    table.add_column("metric")
    for name in (*first, *others):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _wide(comparisons: Sequence[Comparison]) -> Table:
    """One line per metric."""
    table = _table(MEANS, ("95 % seeds", "p seeds", "detectable", "95 % patients", "p patients"))
    for one in comparisons:
        table.add_row(escape(head_of(one.metric, one.unit)), *_means(one), *_seeds(one), *_patients(one))
    return table


def _narrow(comparisons: Sequence[Comparison]) -> Table:
    """Interval, p and the detectable difference below each other."""
    table = _table(MEANS, ("seeds", "patients"))
    for one in comparisons:
        interval, p, detectable = _seeds(one)
        over_patients, its_p = _patients(one)
        table.add_row(
            escape(head_of(one.metric, one.unit)),
            *_means(one),
            f"{interval}\np {p}\ndetectable {detectable}",
            f"{over_patients}\np {its_p}" if one.interval else "–",
        )
    return table


def _means(one: Comparison) -> tuple[str, str, str]:
    return f"{one.mean:.3f}", f"{one.against_mean:.3f}", f"{one.difference:+.3f}"


def _seeds(one: Comparison) -> tuple[str, str, str]:
    seeds = one.over_seeds
    detectable = "–" if math.isnan(seeds.detectable) else f"{seeds.detectable:.3f}"
    return _interval(seeds.low, seeds.high), p_text(seeds.p), detectable


def _patients(one: Comparison) -> tuple[str, str]:
    interval = one.interval
    return (_interval(interval.low, interval.high), p_text(interval.p, interval.least)) if interval else ("–", "–")


def comparison_json(results: SuiteResults, comparisons: Sequence[Comparison]) -> str:
    """A list with one object per comparison; undefined numbers are null."""
    rows = [
        {**asdict(one), "system_name": results.label(one.system), "against_name": results.label(one.against)}
        for one in comparisons
    ]
    return json.dumps(_defined(rows), indent=1, ensure_ascii=False, allow_nan=False)


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _defined(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _interval(low: float, high: float) -> str:
    return "–" if math.isnan(low) else f"{low:+.3f} to {high:+.3f}"
