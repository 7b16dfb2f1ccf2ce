"""SIGTERM and SIGINT ask a run to save and stop; a second SIGINT ends it at once."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ssmtl.errors import SsmtlError

STOPPED = 75
"""Exit code of a process that saved its state and stopped: sysexits.h's 'temporary failure, try again'."""


class StoppedError(SsmtlError):
    """A run that was asked to stop, and can be resumed."""


class StopRequest:
    """Whether this process was asked to stop.

    :param forward: also ask the processes that this one started.
    """

    def __init__(self, forward: bool = False) -> None:
        self.requested, self.forward = False, forward

    def asked(self) -> bool:
        """Whether it has happened."""
        return self.requested

    def on_signal(self, number: int, _frame: FrameType | None = None) -> None:
        """A signal handler.

        :raises KeyboardInterrupt: if there is no process yet to which it could be forwarded.
        """
        children = multiprocessing.active_children() if self.forward else []
        for child in children:
            child.terminate()  # SIGTERM
        if self.forward and not children:
            raise KeyboardInterrupt
        if self.requested and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        self.requested = True


@contextmanager
def stoppable() -> Iterator[None]:
    """Before and after training, SIGTERM and SIGINT end the command at once; while it trains, `listening` takes over.

    :raises StoppedError: if such a signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(
            "stopped, but not while training, so there was nothing to save. Give the same command again, with "
            "--resume auto if the run had begun"
        ) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def listening(forward: bool = False) -> Iterator[StopRequest]:
    """Handles signals while the context lasts. Outside the main thread none are handled, and nothing asks to stop.

    :param forward: for a process that only waits for others.
    """
    request = StopRequest(forward)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
