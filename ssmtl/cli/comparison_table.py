"""`ssmtl bench compare`: as a table in the terminal, or as JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssmtl.suite.compare import Comparison
from ssmtl.suite.layout import head_of
from ssmtl.suite.p_value import p_text
from ssmtl.suite.results import SuiteResults


def print_comparison(console: Console, results: SuiteResults, comparisons: Sequence[Comparison]) -> None:
    """One table per sources file, budgets, task and domain; one row per metric."""
    if not comparisons:
        console.print("The two systems share no combination of budgets, task and metric.")
        return
    places = dict.fromkeys((one.sources, one.budgets, one.task, one.domain) for one in comparisons)
    for place in places:
        own = [one for one in comparisons if (one.sources, one.budgets, one.task, one.domain) == place]
        sources, budgets, task, domain = place
        title = f"{task}, {domain.replace('_', ' ')} ({sources}, {budgets}, {len(own[0].seeds)} seeds)"
        table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE, padding=(0, 1))
        table.add_column("metric", no_wrap=True)
        names = (results.label(own[0].system), results.label(own[0].against))
        for name in (*names, "diff.", "95 % seeds", "p seeds", "detectable", "95 % patients", "p patients"):
            table.add_column(escape(name), justify="right", overflow="fold")
        for one in own:
            seeds, interval = one.over_seeds, one.interval
            table.add_row(
                escape(head_of(one.metric, one.unit)),
                f"{one.mean:.3f}",
                f"{one.against_mean:.3f}",
                f"{one.difference:+.3f}",
                _interval(seeds.low, seeds.high),
                p_text(seeds.p),
                "–" if math.isnan(seeds.detectable) else f"{seeds.detectable:.3f}",
                _interval(interval.low, interval.high) if interval else "–",
                p_text(interval.p, interval.least) if interval else "–",
            )
        console.print(table, highlight=False)
    console.print(
        "Seeds: Student's t, paired over seeds; detectable: the smallest true difference that this many seeds would "
        "detect four times out of five. Patients: paired bootstrap over patients and seeds. Neither p is corrected for "
        "the number of rows.",
        highlight=False,
    )


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
    return "–" if math.isnan(low) else f"{low:+.3f} {high:+.3f}"
