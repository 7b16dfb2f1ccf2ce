"""The table of methods, for the terminal and as Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ssmtl.registry.plugins import plural

if TYPE_CHECKING:
    from ssmtl.cost.method_facts import MethodFacts

HEADS = ("method", "learns from", "over", "more passes", "state", "cost", "paper")

NOTE = (
    "Beside the supervised recipe that the method's own recipe extends (ssmtl run methods/NAME): 'over', if the "
    "terminal is wide. More passes: rows in a step, in batches. Trained: through a backbone, with gradient in its "
    "weights; in the images: with gradient in these alone; plain: without; head: through heads alone; backward: back "
    "once more. State: bytes kept from step to step, bytes trained (below 0: its head has fewer weights than the "
    "supervised one's), and whether there is a moving average of the network, at 32 pixels with at most 60 images. "
    "Cost: the processor time of a step, times a supervised one; the median and its 95 % interval. ?: not measured."
)

WIDE = 110
"""Columns of a terminal from which on `over` and the state are shown, and costs and their intervals share a line."""

LEFT_OUT = f"State and over are shown from {WIDE} columns on, and by --markdown."


def print_methods(console: Console, facts: Sequence["MethodFacts"]) -> None:
    """One table for each kind."""
    wide = console.width >= WIDE
    for kind, some in groupby(facts, lambda one: one.kind):
        table = Table(
            title=plural(kind), title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0), pad_edge=False
        )
        table.add_column("method", style="bold", no_wrap=True)
        # Rich cuts the last column where it has to make one narrower than its min_width; `width` it never changes.
        table.add_column("learns from", overflow="fold", width=20 if wide else 13)
        if wide:
            table.add_column("over", no_wrap=True)
        table.add_column("more passes", overflow="fold", width=16)
        if wide:
            table.add_column("state", overflow="fold", width=12)
        table.add_column("cost", overflow="fold", width=15 if wide else 9)
        table.add_column("paper", overflow="fold")
        for one in some:
            cost = f"{one.cost}{' ' if wide else chr(10)}{one.interval}".strip()
            over, state = ([one.over], [one.state]) if wide else ([], [])
            passes = one.passes.replace(", ", "\n")
            table.add_row(one.name, one.learns_from, *over, passes, *state, cost, one.paper or "–")
        console.print(table, highlight=False, markup=False)
        console.print()
    console.print(NOTE if wide else f"{NOTE} {LEFT_OUT}", markup=False, highlight=False)


def as_markdown(facts: Sequence["MethodFacts"]) -> str:
    """A table for each kind, and what its columns mean."""
    tables = [
        [f"**{plural(kind)}**", "", *markdown_table((cells_of(one) for one in some), HEADS), ""]
        for kind, some in groupby(facts, lambda one: one.kind)
    ]
    return "\n".join([*chain(*tables), NOTE])


def markdown_table(rows: Iterable[Sequence[str]], heads: Sequence[str]) -> Iterator[str]:
    """Its lines."""
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---' for _ in heads)} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def cells_of(one: "MethodFacts") -> tuple[str, ...]:
    """In the order of `HEADS`."""
    cost = f"{one.cost} [{one.interval}]" if one.interval else one.cost
    return f"`{one.name}`", one.learns_from, one.over, one.passes, one.state, cost, one.paper or "–"
