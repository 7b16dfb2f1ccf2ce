"""`ssmtl bench compare` in the terminal."""

import math
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssmtl.suite.compare import Comparison
from ssmtl.suite.layout import head_of


def print_comparison(console: Console, comparisons: Sequence[Comparison]) -> None:
    """One table per sources file, budgets, task and domain; one row per metric."""
    if not comparisons:
        console.print("The two systems share no combination of budgets, task and metric.")
        return
    places = dict.fromkeys((one.sources, one.budgets, one.task, one.domain) for one in comparisons)
    for place in places:
        own = [one for one in comparisons if (one.sources, one.budgets, one.task, one.domain) == place]
        sources, budgets, task, domain = place
        title = f"{task}, {domain.replace('_', ' ')} ({sources}, {budgets}, {own[0].seeds} seeds)"
        table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE, padding=(0, 1))
        table.add_column("metric", no_wrap=True)
        for name in (own[0].system, own[0].against, "diff.", "95 %", "p images", "p seeds"):
            table.add_column(escape(name), justify="right", overflow="fold")
        for one in own:
            interval = one.interval
            over = (f"{interval.low:+.3f} {interval.high:+.3f}", _p(interval.p)) if interval else ("–", "–")
            numbers = (f"{one.mean:.3f}", f"{one.against_mean:.3f}", f"{one.difference:+.3f}")
            table.add_row(escape(head_of(one.metric, "")), *numbers, *over, _p(one.p_t))
        console.print(table, highlight=False)
    console.print(
        "95 % and p images: paired bootstrap over test images, for these trained networks. p seeds: Student's t, "
        "paired over seeds. Neither p is corrected for the number of rows.",
        highlight=False,
    )


def _p(value: float) -> str:
    return "–" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"
