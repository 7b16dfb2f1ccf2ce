"""SIGTERM and SIGINT ask a run to save and stop; a second SIGINT ends it at once."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ssmtl.errors import SsmtlError

STOPPED = 75
"""Exit code of a process that saved its state and stopped: sysexits.h's 'temporary failure, try again'."""


PAUSE = 0.02
"""Seconds between looks for a process that is being started."""


class StoppedError(SsmtlError):
    """A run that was asked to stop, and can be resumed."""


class StopRequest:
    """Whether this process was asked to stop.

    :param forward: also ask the processes that this one started.
    """

    def __init__(self, forward: bool = False) -> None:
        self.requested, self.forward, self.over = False, forward, False

    def asked(self) -> bool:
        """Whether it has happened."""
        return self.requested

    def on_signal(self, number: int, _frame: FrameType | None = None) -> None:
        """A signal handler."""
        if self.forward and not self._forwarded():
            threading.Thread(target=self._forward_later, daemon=True).start()
        if self.requested and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        self.requested = True

    def _forwarded(self) -> bool:
        """Ask every process that was started; False if there is none yet."""
        children = multiprocessing.active_children()
        for child in children:
            child.terminate()  # SIGTERM
        return bool(children)

    def _forward_later(self) -> None:
        """An exception in the midst of starting a process would leave that one half-started."""
        while not self.over and not self._forwarded():
            time.sleep(PAUSE)


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
        request.over = True
        for number, handler in before.items():
            signal.signal(number, handler)
