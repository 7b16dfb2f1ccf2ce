"""Where the cells of a suite are run."""

from collections.abc import Callable, Sequence
from typing import Protocol

from ssmtl.suite.work import Work

Ended = Callable[[Work, int], None]
"""Called with the work and its worker's exit code."""


class Executor(Protocol):
    """Runs work, several cells at a time, none twice."""

    def run(
        self, work: Sequence[Work], started: Callable[[Work], None], ended: Ended, idle: Callable[[], None]
    ) -> None:
        """Return when all work has ended; work that another process holds is retried until it has.

        :param ended: its exit code is negative if a signal killed the worker.
        :param idle: called several times a second.
        """

    def close(self) -> None:
        """Free what it holds; it runs nothing more."""
