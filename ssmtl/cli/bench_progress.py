"""A suite in the terminal: its grid, its progress, its status."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from ssmtl.suite.cell import Point, outcome_of, status_of, step_of
from ssmtl.suite.suite_run import SuiteRun
from ssmtl.suite.work import Work
from ssmtl.wording import counted

LONGEST_SYSTEM = 24
"""Characters of a system's name before it is broken."""

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
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    widest = max((len(cell.system) for cell in chosen), default=0)
    table.add_column("system", overflow="fold", no_wrap=widest <= LONGEST_SYSTEM)
    table.add_column("sources", overflow="fold")
    table.add_column("labels")
    table.add_column("seeds", no_wrap=True)
    for name in ("to run", "steps", "s/step"):
        table.add_column(name, justify="right", no_wrap=True)
    left = {id(cell) for cell in todo}
    for system, sources in dict.fromkeys((cell.system, cell.sources) for cell in chosen):
        own = [cell for cell in chosen if (cell.system, cell.sources) == (system, sources)]
        table.add_row(
            escape(system),
            escape(sources),
            escape(_budgets([cell.budget_text for cell in own])),
            _seeds(sorted({cell.seed for cell in own})),
            f"{sum(id(cell) in left for cell in own)} of {len(own)}",
            str(own[0].recipe.train.steps),
            f"{steps[system, sources]:.2f}" if (system, sources) in steps else "–",
        )
    console.print(table, highlight=False)


def _seeds(seeds: Sequence[int]) -> str:
    """'0–4' for three or more that follow each other, else each."""
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]}–{seeds[-1]}"
    return " ".join(map(str, seeds))


def _budgets(texts: Sequence[str]) -> str:
    """'diagnosis 20, 50, all' for budgets of one task; 'diagnosis 100 with lungs 10; …' for those of several."""
    alone: dict[str, list[str]] = {}
    together = []
    for text in dict.fromkeys(texts):
        labels = [part.partition("=")[::2] for part in text.split()]
        if len(labels) == 1:
            alone.setdefault(labels[0][0], []).append(labels[0][1])
        else:
            together.append(" with ".join(f"{task} {count}" for task, count in labels))
    for counts in alone.values():
        counts.sort(key=lambda one: int(one) if one.isdigit() else inf)
    return "; ".join([*(f"{task} {', '.join(counts)}" for task, counts in alone.items()), *together])


def print_status(console: Console, suite_run: SuiteRun) -> None:
    """Counts by status, and one row per failed or running cell."""
    statuses = {cell.name: status_of(suite_run.folder, cell.name) for cell in suite_run.cells}
    counts: Counter[str] = Counter(statuses.values())
    progress = ", ".join(f"[{colour}]{counts[name]} {name}[/]" for name, colour in COLOURS.items())
    place = escape(str(suite_run.folder))
    console.print(
        f"[bold]{suite_run.suite.name}[/]  {counted(len(suite_run.cells), 'cell')}: {progress}  in {place}",
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
