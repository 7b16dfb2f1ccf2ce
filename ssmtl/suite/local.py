"""The default executor: processes on this machine, forked from one that has everything imported."""

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from ssmtl.suite.cell import status_of
from ssmtl.suite.executor import Ended
from ssmtl.suite.launch import log_of
from ssmtl.suite.work import BUSY, Work

PAUSE = 0.1
"""Seconds between checks on the workers."""

PATIENCE = 2.0
"""Seconds before work that another process holds is retried."""

PARTING = 30.0
"""Seconds that a worker is given to save when the suite is stopped."""


class LocalPool:
    """At most `jobs` workers at a time, one process per cell, so that a crash costs one cell."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["ssmtl.suite.preload"])

    def run(
        self, work: Sequence[Work], started: Callable[[Work], None], ended: Ended, idle: Callable[[], None]
    ) -> None:
        waiting = deque((0.0, one) for one in work)
        running: dict[BaseProcess, Work] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs and waiting[0][0] <= time.monotonic():
                    one = waiting.popleft()[1]
                    if status_of(Path(one.suite), one.cell) == "running":
                        waiting.append((time.monotonic() + PATIENCE, one))
                        continue
                    running[self._start(one)] = one
                    started(one)
                for process in [process for process in running if not process.is_alive()]:
                    one, code = running.pop(process), process.exitcode
                    if code == BUSY:
                        waiting.append((time.monotonic() + PATIENCE, one))
                    else:
                        ended(one, 1 if code is None else code)
                idle()
                time.sleep(PAUSE)
        finally:
            for process in running:
                process.terminate()  # the worker saves and stops
            for process in running:
                process.join(PARTING)
                process.kill()

    def close(self) -> None:
        """It holds nothing between two calls of `run`."""

    def _start(self, work: Work) -> BaseProcess:
        threads = str(work.threads)
        os.environ.update(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads)  # read when the first process starts
        process = self.context.Process(target=_work_logged, args=(work,))
        process.start()
        return process


def _work_logged(work: Work) -> None:
    """In the worker: send its output to its log, and end when the suite does."""
    from ssmtl.suite.worker import work_on

    threading.Thread(target=_end_with_suite, daemon=True).start()
    log = log_of(work).open("ab")
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    raise SystemExit(work_on(work))


def _end_with_suite() -> None:
    """A killed suite leaves no worker behind."""
    suite = multiprocessing.parent_process()
    if suite is not None:
        suite.join()
        os._exit(1)
