"""A search in the terminal: a line for each trial that ends, bars for what runs, and a table at the end."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ssmtl.api.tune import TunedRecipe
from ssmtl.recipe.differences import as_text
from ssmtl.suite.cell import step_of
from ssmtl.suite.work import Work
from ssmtl.tuning.outputs import TRIALS, spent_in_words
from ssmtl.tuning.study import StudyWatcher
from ssmtl.tuning.trial import StudyRecord, Trial
from ssmtl.wording import counted

COLOURS = {"finished": "green", "pruned": "yellow", "failed": "red", "running": "dim"}

LONGEST_TABLE = 20
"""Trials in the table at the end; trials.csv has all."""


class TuneDisplay(StudyWatcher):
    """:param bars: None where nobody watches: then only lines are printed."""

    def __init__(self, console: Console, bars: Progress | None) -> None:
        self.console, self.bars = console, bars
        self.running: dict[str, TaskID] = {}
        self.looked = time.monotonic()
        self.until = 0
        self.folder: Path | None = None
        self.record: StudyRecord | None = None

    def began(self, folder: Path, record: StudyRecord) -> None:
        """Say where, and what is there already."""
        self.record, self.folder = record, folder
        there = f"; so far {spent_in_words(record)}" if record.trials else ""
        self.console.print(f"searching in [bold]{escape(str(folder))}[/]{there}", highlight=False, soft_wrap=True)

    def proposed(self, trials: Sequence[Trial], until: int) -> None:
        """One line for the trials that are trained together."""
        self.until = until
        numbers = ", ".join(str(one.number) for one in trials)
        word = "trial" if len(trials) == 1 else "trials"
        self.console.print(f"[dim]{word} {numbers}: to step {until:,}[/]", highlight=False)

    def started(self, work: Work) -> None:
        """One bar more."""
        if self.bars is not None:
            self.running[work.cell] = self.bars.add_task(f"trial {work.cell.partition('_')[0]}", total=self.until)

    def run_ended(self, work: Work, well: bool) -> None:
        """One bar less."""
        if self.bars is not None and work.cell in self.running:
            self.bars.remove_task(self.running.pop(work.cell))

    def idle(self) -> None:
        """Update the bars, at most once a second."""
        if self.bars is None or time.monotonic() - self.looked < 1:
            return
        self.looked = time.monotonic()
        for cell, bar in self.running.items():
            if self.folder is not None:
                self.bars.update(bar, completed=step_of(self.folder, cell))

    def ended(self, trial: Trial, record: StudyRecord) -> None:
        """One line for each trial."""
        self.record = record
        best = record.best is not None and record.best.number == trial.number
        text = Text.assemble(
            f"trial {trial.number} ",
            (trial.state, COLOURS[trial.state]),
            f" {_number(trial.value)}" if trial.value is not None else "",
            f" at step {trial.pruned_at:,}" if trial.pruned_at else "",
            (" best so far", "bold") if best else "",
            f"  {_values(trial.parameters)}",
        )
        self.console.print(text, highlight=False)
        if trial.error:
            self.console.print(f"  {trial.error}", markup=False, highlight=False)

    def print_end(self, done: TunedRecipe) -> None:
        """The trials, the best first, and what to do next."""
        assert self.record is not None
        self.console.print()
        print_trials(self.console, done.trials)
        left = len(done.trials) - LONGEST_TABLE
        more = f"{counted(left, 'more trial')} in {done.path / TRIALS}\n" if left > 0 else ""
        self.console.print(
            f"{more}{spent_in_words(self.record)}; no test image was evaluated", highlight=False, markup=False
        )
        if done.recipe is None:
            words = f"no trial finished; their errors are in {done.path / TRIALS}"
            self.console.print(words, style="red", markup=False, highlight=False, soft_wrap=True)
        else:
            place = escape(str(done.recipe))
            self.console.print(f"best recipe [bold]{place}[/]: ssmtl run {place}", highlight=False, soft_wrap=True)


@contextmanager
def showing(console: Console) -> Iterator[TuneDisplay]:
    """With bars on a terminal, while the search lasts."""
    if not console.is_terminal:
        yield TuneDisplay(console, None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield TuneDisplay(console, bars)


def print_trials(console: Console, trials: Sequence[Trial]) -> None:
    """One row for each, at most `LONGEST_TABLE`: finished ones first, the best of them first."""
    states = list(COLOURS)
    ranked = sorted(trials, key=lambda one: (states.index(one.state), -(one.value or 0), one.number))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("trial", justify="right", no_wrap=True)
    for key in trials[0].parameters if trials else ():
        table.add_column(Text(key.replace(".", "\n")), justify="right", overflow="fold", vertical="bottom")
    for name in ("validation\nscore", "state", "steps"):
        table.add_column(name, justify="left" if name == "state" else "right", no_wrap=True)
    for one in ranked[:LONGEST_TABLE]:
        values = (Text(_short(value)) for value in one.parameters.values())
        table.add_row(
            str(one.number), *values, _number(one.value), Text(one.state, COLOURS[one.state]), f"{one.steps:,}"
        )
    console.print(table, highlight=False)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else as_text(value)


def _values(parameters: Mapping[str, Any]) -> str:
    return "  ".join(f"{key}={_short(value)}" for key, value in parameters.items())
