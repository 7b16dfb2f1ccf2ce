"""What a finished run, or several, is to a program."""

from dataclasses import dataclass
from pathlib import Path

from ssmtl.runs.files import Results


@dataclass(frozen=True)
class TrainedRun:
    """:param path: of its folder, for `ssmtl.load`, `ssmtl.evaluate` and `ssmtl.report`.

    :param results: by `tasks`, domain and metric, the numbers; see `ssmtl.runs.files.Results`. :param report: its page.
    :param resumed: whether it went on from an earlier process. :param trained: False if it was already finished.
    """

    path: Path
    results: Results
    report: Path
    resumed: bool = False
    trained: bool = True


@dataclass(frozen=True)
class TrainedFolds:
    """:param path: of the folder of all folds. :param runs: one for each. :param report: the page of them all."""

    path: Path
    runs: tuple[TrainedRun, ...]
    report: Path
