"""When one of several processes fails, the others lose their connection to it: whose error is the cause."""

import re
import time
from multiprocessing.queues import SimpleQueue

LOST = re.compile(r"[Cc]onnection (closed|reset|refused)|[Bb]roken pipe")
"""What a process reports when another one has gone."""

GRACE = 3.0
"""Seconds it then waits, so that the process that died is named rather than this one."""


def give_precedence(error: BaseException) -> None:
    """Wait a little if the error only says that another process has gone."""
    if LOST.search(str(error)):
        time.sleep(GRACE)


def cause(mistakes: "SimpleQueue[str]") -> str:
    """The first of the processes' errors that says more than that another has gone, else the first.

    On a busy machine the cause may be told after the others' waiting is over.

    :param mistakes: not empty, of processes that have all ended.
    """
    told = []
    while not mistakes.empty():
        told.append(mistakes.get())
    return next((one for one in told if not LOST.search(one)), told[0])
