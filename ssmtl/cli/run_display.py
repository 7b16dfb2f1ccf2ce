"""What `ssmtl run` shows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.markup import escape

from ssmtl.api.watcher import Watcher
from ssmtl.cli.folds_table import print_folds
from ssmtl.cli.initial import print_initial
from ssmtl.cli.progress_bar import progress_bar
from ssmtl.cli.skipped import print_skipped
from ssmtl.cli.tables import print_plan, print_results
from ssmtl.contracts.head import Kind, Output
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.plan import plan_of
from ssmtl.experiment.prepare import ExperimentData
from ssmtl.inference.decision import described, thresholds_of
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.early_stopping import why_stopped
from ssmtl.runs.files import Results
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.initial import Initial


class RunDisplay(Watcher):
    """The plan, a live display or plain lines, the results. :param quiet: nothing but errors."""

    def __init__(self, console: Console, quiet: bool) -> None:
        self.console, self.quiet = console, quiet
        self.folder: RunFolder | None = None

    def decoding(self, what: str, steps: int) -> Callable[[], None]:
        """A progress bar."""
        return progress_bar(self.console, what, steps)

    def prepared(self, experiment: Experiment, data: ExperimentData) -> None:
        """The images that were skipped, and the plan."""
        for source, skipped in data.skipped.items():
            print_skipped(self.console, source, skipped)
        print_plan(self.console, plan_of(experiment, data.tasks))

    def begins(self, folder: RunFolder, resumes: bool) -> None:
        """Where the run goes."""
        self.folder = folder
        place = escape(str(folder.path))
        self.console.print(f"{'resuming' if resumes else 'run folder'} [bold]{place}[/]", highlight=False)

    @property
    def observers(self) -> Callable[[], AbstractContextManager[list[object]]]:
        """What shows the run: nothing, a live display, or plain lines."""
        return partial(observers, self.quiet, self.console.is_terminal)

    def was_finished(self, folder: RunFolder) -> None:
        """That there is nothing to do."""
        self.console.print(f"{escape(str(folder.path))} is finished: nothing to do", highlight=False)

    def ended(self, results: Results) -> None:
        """Whether training stopped early, the results, and how the run decides from now on."""
        if results.stopped_early:
            self.console.print(why_stopped(results), highlight=False)
        print_results(self.console, results)
        calibration = calibration_of(self.folder) if self.folder else None
        if calibration is not None:
            outputs = {
                task: Output(cast("Kind", kind), tuple(results.classes[task])) for task, kind in results.kinds.items()
            }
            for line in described([calibration], outputs, thresholds_of([calibration])):
                self.console.print(f"ssmtl predict decides on {escape(line)}", highlight=False, soft_wrap=True)

    def began_with(self, initial: Initial) -> None:
        """What the model takes of another run."""
        print_initial(self.console, initial)

    def fold_begins(self, number: int, folds: int) -> None:
        """Which fold."""
        self.console.print(f"[bold]fold {number} of {folds}[/]", highlight=False)

    def folds_ended(self, name: str, results: Sequence[Results]) -> None:
        """The mean and the spread."""
        print_folds(self.console, name, results)

    def reported(self, page: Path) -> None:
        """Where the report is."""
        self.console.print(f"report [bold]{escape(str(page))}[/]", highlight=False, soft_wrap=True)


@contextmanager
def observers(quiet: bool, terminal: bool) -> "Iterator[list[object]]":
    """What shows the run: nothing, a live display, or plain lines."""
    from ssmtl.runs.console import LiveConsole, PlainConsole

    if quiet or not terminal:
        yield [] if quiet else [PlainConsole(Console())]
        return
    shown = LiveConsole(Console())
    try:
        yield [shown]
    finally:
        shown.live.stop()
