"""The mean and the spread over folds, in print."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssmtl.reports.folds import rows_of, spread
from ssmtl.runs.files import Results
from ssmtl.suite.layout import head_of


def print_folds(console: Console, name: str, results: Sequence[Results]) -> None:
    """:param results: of each fold."""
    table = Table(title=f"{escape(name)}: mean ± SD over {len(results)} folds", title_justify="left")
    for column in ("task", "domain", "metric"):
        table.add_column(column)
    table.add_column("mean ± SD", justify="right")
    for task, domain, metric, values in rows_of(results):
        mean, std = spread(values)
        facts = results[0].metrics.get(task, {}).get(metric)
        head = head_of(metric, facts.unit if facts else "")
        number = "–" if math.isnan(mean) else f"{mean:.3f} ± {std:.3f}"
        table.add_row(escape(task), escape(domain), escape(head), number)
    console.print(table, highlight=False)
