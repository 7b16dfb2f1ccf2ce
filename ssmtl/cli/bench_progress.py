"""A suite in the terminal: its grid, its progress, its status."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from ssmtl.suite.cell import Point, outcome_of, status_of, step_of
from ssmtl.suite.suite_run import SuiteRun
from ssmtl.suite.work import Work

COLOURS = {"finished": "green", "failed": "red", "running": "yellow", "waiting": "dim"}


class Follower:
    """Shows which cells end; on a terminal also one bar for the grid, one per running cell, and an ETA.

    The ETA extrapolates from the training steps done so far to those that are left.
    """

    def __init__(self, console: Console, folder: Path, steps: Mapping[str, int], bars: Progress | None) -> None:
        self.console, self.folder, self.steps, self.bars = console, folder, steps, bars
        self.running: dict[str, TaskID] = {}
        self.made: dict[str, int] = {}
        self.began = self.looked = time.monotonic()
        self.done = 0
        self.whole = bars.add_task("all cells", total=sum(steps.values()), left="") if bars else None

    def started(self, work: Work) -> None:
        """A worker has begun."""
        if self.bars is not None:
            self.running[work.cell] = self.bars.add_task(escape(work.cell), total=self.steps[work.cell], left="")

    def ended(self, work: Work, well: bool) -> None:
        """A worker has ended."""
        self.done += 1
        self.made[work.cell] = self.steps[work.cell]
        noted = outcome_of(self.folder, work.cell)
        mark = "[green]finished[/]" if well else "[red]failed[/]"
        count = f"{self.done}/{len(self.steps)}"
        self.console.print(f"{count} {mark} {escape(work.cell)} in {noted.seconds:.0f} s", highlight=False)
        if not well:
            self.console.print(f"  {noted.error}", markup=False, highlight=False)
        if self.bars is not None and work.cell in self.running:
            self.bars.remove_task(self.running.pop(work.cell))

    def idle(self) -> None:
        """Update the bars of the running cells, at most once a second."""
        if self.bars is None or self.whole is None or time.monotonic() - self.looked < 1:
            return
        self.looked = time.monotonic()
        for cell, bar in self.running.items():
            self.made[cell] = step_of(self.folder, cell)
            self.bars.update(bar, completed=self.made[cell])
        made, total = sum(self.made.values()), sum(self.steps.values())
        left = (self.looked - self.began) / made * (total - made) if made else 0
        self.bars.update(self.whole, completed=made, left=f"about {duration(left)} left" if made else "")


@contextmanager
def following(console: Console, folder: Path, steps: Mapping[str, int]) -> Iterator[Follower]:
    """Show the progress of a suite. :param steps: training steps by cell."""
    if not console.is_terminal:
        yield Follower(console, folder, steps, None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[left]}"), console=console, transient=True) as bars:
        yield Follower(console, folder, steps, bars)


def duration(seconds: float) -> str:
    """'2 h 05 min' or '4 min'."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{max(minutes, 1)} min"


def print_grid(
    console: Console, chosen: Sequence[Point], todo: Sequence[Point], steps: Mapping[tuple[str, str], float]
) -> None:
    """One row per system: its cells, and the time per step."""
    table = Table()
    for name in ("system", "sources", "budgets", "seeds", "cells", "to run", "steps"):
        table.add_column(name, justify="right" if name in ("cells", "to run", "steps") else "left", overflow="fold")
    table.add_column("s/step", justify="right")
    left = {id(cell) for cell in todo}
    for system, sources in dict.fromkeys((cell.system, cell.sources) for cell in chosen):
        own = [cell for cell in chosen if (cell.system, cell.sources) == (system, sources)]
        table.add_row(
            escape(system),
            escape(sources),
            escape("; ".join(dict.fromkeys(cell.budget_text for cell in own))),
            " ".join(str(seed) for seed in dict.fromkeys(cell.seed for cell in own)),
            str(len(own)),
            str(sum(id(cell) in left for cell in own)),
            str(own[0].recipe.train.steps),
            f"{steps[system, sources]:.2f}" if (system, sources) in steps else "–",
        )
    console.print(table, highlight=False)


def print_status(console: Console, suite_run: SuiteRun) -> None:
    """Counts by status, and one row per failed or running cell."""
    statuses = {cell.name: status_of(suite_run.folder, cell.name) for cell in suite_run.cells}
    counts: Counter[str] = Counter(statuses.values())
    progress = ", ".join(f"[{colour}]{counts[name]} {name}[/]" for name, colour in COLOURS.items())
    place = escape(str(suite_run.folder))
    console.print(
        f"[bold]{suite_run.suite.name}[/]  {len(suite_run.cells)} cells: {progress}  in {place}",
        highlight=False,
    )
    table = Table()
    for name in ("cell", "status", "step", "error"):
        table.add_column(name, overflow="fold", justify="right" if name == "step" else "left")
    for cell in suite_run.cells:
        status = statuses[cell.name]
        if status in ("failed", "running"):
            step = f"{step_of(suite_run.folder, cell.name)}/{cell.recipe.train.steps}"
            error = outcome_of(suite_run.folder, cell.name).error if status == "failed" else ""
            table.add_row(escape(cell.name), f"[{COLOURS[status]}]{status}", step, escape(error))
    if table.row_count:
        console.print(table, highlight=False)
