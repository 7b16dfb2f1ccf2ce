"""SIGTERM and SIGINT ask a run to save and stop; a second SIGINT ends it at once."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ssmtl.errors import SsmtlError

EXIT_CODE = 75
"""Of a run that saved its state and stopped: sysexits.h's 'temporary failure, try again'."""


class StoppedError(SsmtlError):
    """A run that was asked to stop, and can go on."""


class Stopping:
    """:param requested: whether somebody asked for it."""

    def __init__(self) -> None:
        self.requested = False

    def ask(self, number: int, _frame: FrameType | None = None) -> None:
        """A signal handler."""
        if self.requested and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        self.requested = True


class Forwarding(Stopping):
    """Asks the processes that this one started."""

    def ask(self, number: int, frame: FrameType | None = None) -> None:
        """A signal handler."""
        for child in multiprocessing.active_children():
            child.terminate()  # SIGTERM
        super().ask(number, frame)


@contextmanager
def forwarding() -> Iterator[Stopping]:
    """As `stopping`, in a process that only waits for others."""
    with _listening(Forwarding()) as asked:
        yield asked


@contextmanager
def stopping() -> Iterator[Stopping]:
    """Listens while the context lasts. Outside the main thread there are no handlers, and nobody asks."""
    with _listening(Stopping()) as asked:
        yield asked


@contextmanager
def _listening(asked: Stopping) -> Iterator[Stopping]:
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, asked.ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
