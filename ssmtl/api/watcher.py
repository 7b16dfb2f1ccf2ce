"""Who is told how a run comes along; tells nobody, unless a subclass does."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.prepare import ExperimentData
from ssmtl.runs.execute import nobody
from ssmtl.runs.files import Results
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.initial import Initial


class Watcher:
    """Called in this order, in the process that reports."""

    def decoding(self, _what: str, _steps: int) -> Callable[[], None]:
        """A `ssmtl.data.entry.Progress`."""
        return lambda: None

    def prepared(self, experiment: Experiment, data: ExperimentData) -> None:
        """When the data are at hand."""

    def begins(self, folder: RunFolder, resumes: bool) -> None:
        """When the folder is known."""

    @property
    def observers(self) -> Callable[[], AbstractContextManager[list[object]]]:
        """Makes plugins that observe the steps; picklable, since another process may call it."""
        return nobody

    def was_finished(self, folder: RunFolder) -> None:
        """In place of all these, if there is nothing left to do."""

    def ended(self, results: Results) -> None:
        """When everything is evaluated, before the report is written."""

    def began_with(self, initial: Initial) -> None:
        """If the recipe has `init`, before the data are read."""

    def fold_begins(self, number: int, folds: int) -> None:
        """Before all else of each fold, from 1."""

    def folds_ended(self, name: str, results: Sequence[Results]) -> None:
        """After all folds. :param name: of the recipe."""
