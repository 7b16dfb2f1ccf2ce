"""The default executor: a pool of processes on this machine."""

import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence

from ssmtl.suite.executor import Told
from ssmtl.suite.launch import launch
from ssmtl.suite.worker import BUSY, Work

PAUSE = 0.1
"""Seconds between two looks at the workers."""

PATIENCE = 2.0
"""Seconds before work that another process holds is tried again."""


class LocalPool:
    """As many workers at a time as `jobs` says, a fresh process for each cell: a death costs one cell."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run(self, work: Sequence[Work], started: Callable[[Work], None], ended: Told, idle: Callable[[], None]) -> None:
        waiting = deque((0.0, one) for one in work)
        running: dict[subprocess.Popen[bytes], Work] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs and waiting[0][0] <= time.monotonic():
                    one = waiting.popleft()[1]
                    running[launch(one)] = one
                    started(one)
                for process in [process for process in running if process.poll() is not None]:
                    one = running.pop(process)
                    if process.returncode == BUSY:
                        waiting.append((time.monotonic() + PATIENCE, one))
                    else:
                        ended(one, process.returncode)
                idle()
                time.sleep(PAUSE)
        finally:
            for process in running:
                process.kill()
