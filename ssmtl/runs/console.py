"""The observer that shows a run in the terminal: live, or as plain lines where nobody watches."""

import math
from collections.abc import Mapping
from textwrap import wrap

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ssmtl.events import Evaluated, RunStarted, StepEnded
from ssmtl.hookspecs import hookimpl

NO_BREAK = "\N{NO-BREAK SPACE}"
"""Keeps a name and its number on one line."""

NARROWEST = 20
"""Characters of a line, however narrow the terminal."""


class LiveConsole:
    """A progress bar with the newest losses, diagnostics and validation metrics below it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=console,
            expand=True,
        )
        self.step: StepEnded | None = None
        self.validation: Evaluated | None = None
        self.best: Evaluated | None = None
        self.selects = True
        self.live = Live(console=console, refresh_per_second=4, get_renderable=self._render)

    @hookimpl
    def ssmtl_run_started(self, run: RunStarted) -> None:
        self.selects = run.plan.get("select_by") != "last"
        self.bar = self.progress.add_task(escape(run.name), total=run.steps, speed="")
        self.live.start()

    @hookimpl
    def ssmtl_step_ended(self, step: StepEnded) -> None:
        self.step = step
        self.progress.update(self.bar, completed=step.step, speed=f"{step.rows_per_second:.0f} rows/s")

    @hookimpl
    def ssmtl_evaluated(self, result: Evaluated) -> None:
        if result.part == "validation":
            self.validation = result
            self.best = result if result.best else self.best

    def _render(self) -> Group:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        if self.step is not None:
            _rows(table, "loss", {**self.step.losses, "total": self.step.total})
            _rows(table, "diagnostics", self.step.diagnostics)
        if self.validation is not None:
            _rows(table, "validation", self.validation.values)
        if not self.selects:
            table.add_row("[dim]weights", "", "those of the last step are kept")
        elif self.best is not None and self.best.score is not None:
            table.add_row("[dim]best so far", "", f"{self.best.score:.3f} at step {self.best.step}")
        return Group(self.progress, table)


class PlainConsole:
    """One line per logged step and evaluation; nothing is redrawn."""

    def __init__(self, console: Console, every: int = 50) -> None:
        self.console = console
        self.every = every
        self.shown = 0
        self.steps = 0
        self.selects = True

    @hookimpl
    def ssmtl_run_started(self, run: RunStarted) -> None:
        self.steps = run.steps
        self.selects = run.plan.get("select_by") != "last"

    @hookimpl
    def ssmtl_step_ended(self, step: StepEnded) -> None:
        if step.step - self.shown >= self.every or step.step == 1:
            self.shown = step.step
            values = {"total": step.total, **step.losses, **step.diagnostics}
            self._say(f"step {step.step}/{self.steps}  {step.rows_per_second:.0f} rows/s  {numbers(values, NO_BREAK)}")

    @hookimpl
    def ssmtl_evaluated(self, result: Evaluated) -> None:
        kept = "best so far" if self.selects and result.score is not None else "these weights are kept"
        best = f"  {kept}" if result.best else ""
        if result.part == "validation":
            self._say(f"validation at step {result.step}  {numbers(result.values, NO_BREAK)}{best}")

    def _say(self, line: str) -> None:
        """Wrapped between names, with what follows indented."""
        room = max(self.console.width, NARROWEST)
        lines = wrap(line, room, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        for one in lines:
            self.console.print(one.replace(NO_BREAK, " "), highlight=False, markup=False, soft_wrap=True)


def _rows(table: Table, heading: str, values: Mapping[str, float]) -> None:
    """One row per task, without repeating its name before every number."""
    by_task: dict[str, dict[str, float]] = {}
    for name, value in values.items():
        task, dot, rest = name.partition(".")
        by_task.setdefault(task if dot else "", {})[rest if dot else name] = value
    for task, own in by_task.items():
        table.add_row(f"[dim]{heading}", f"[dim]{escape(task)}", escape(numbers(own, NO_BREAK)))
        heading = ""


def numbers(values: Mapping[str, float], gap: str = " ") -> str:
    """'name 0.123  name 0.456'; `gap` stands between a name and its number."""
    shown = {name: "nan" if math.isnan(value) else f"{value:.3f}" for name, value in values.items()}
    return "  ".join(f"{name}{gap}{value}" for name, value in shown.items())
