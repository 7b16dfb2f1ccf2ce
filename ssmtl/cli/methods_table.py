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
    "once more. State: bytes kept from step to step, bytes trained, and whether there is a moving average of the "
    "network, at 32 pixels with at most 60 images. Cost: the processor time of a step, times a supervised one; the "
    "median and its 95 % interval. ?: not measured."
)

WIDE = 110
"""Columns of a terminal from which on costs are beside their intervals, and the column `over` is there."""


def print_methods(console: Console, facts: Sequence["MethodFacts"]) -> None:
    """One table for each kind."""
    wide = console.width >= WIDE
    for kind, some in groupby(facts, lambda one: one.kind):
        padding = (0, 2 if wide else 1, 0, 0)
        table = Table(
            title=plural(kind), title_justify="left", title_style="bold", box=None, padding=padding, pad_edge=False
        )
        table.add_column(HEADS[0], style="bold", no_wrap=True)
        for head in HEADS[1:] if wide else (HEADS[1], *HEADS[3:]):
            table.add_column(head, overflow="fold", min_width={"learns from": 13, "cost": 9}.get(head))
        for one in some:
            passes = one.passes if wide else one.passes.replace(", ", "\n")
            cost = f"{one.cost}{' ' if wide else chr(10)}{one.interval}".strip()
            over = [one.over] if wide else []
            table.add_row(one.name, one.learns_from, *over, passes, one.state, cost, one.paper or "–")
        console.print(table, highlight=False, markup=False)
        console.print()
    console.print(NOTE, markup=False, highlight=False)


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
