"""Where the cells of a suite are run."""

from collections.abc import Callable, Sequence
from typing import Protocol

from ssmtl.suite.work import Work

Told = Callable[[Work, int], None]
"""Called with the work and its worker's exit code."""


class Executor(Protocol):
    """Runs work, some of it at a time, and never twice."""

    def run(self, work: Sequence[Work], started: Callable[[Work], None], ended: Told, idle: Callable[[], None]) -> None:
        """Return when all work has ended; work that another process holds is tried again until it has.

        :param ended: the exit code is negative where the worker died of a signal.
        :param idle: called several times a second.
        """
