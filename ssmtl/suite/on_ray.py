"""Cells as Ray tasks, on a cluster or on this machine. Needs the extra `ray`.

The suite's folder, the data and the cache must have the same paths on every node: a shared file system.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssmtl.errors import RunError
from ssmtl.suite.cell import status_of
from ssmtl.suite.executor import Ended
from ssmtl.suite.launch import launch
from ssmtl.suite.work import BUSY, Work

if TYPE_CHECKING:
    import ray

AHEAD = 2
"""Cells with Ray for each one that runs, so that no CPU waits for the next."""

RETRIES = 3
"""How often a cell whose Ray worker died is restarted."""

PATIENCE = 2.0
"""Seconds before work that another process holds is retried."""


class RayCluster:
    """One task per cell, each in a child process of its Ray worker that runs exactly as it would without Ray.

    :param jobs: tasks at a time if Ray is started here; a cluster knows its own size.
    :param threads: CPUs per task. :param gpus: GPUs per task, possibly a fraction of one.
    :param address: of a running cluster; 'auto' finds this machine's; None starts Ray here.
    :raises RunError: without the extra, or if no cluster answers.
    """

    def __init__(self, jobs: int, threads: int, address: str | None, gpus: float = 0.0) -> None:
        try:
            import ray
        except ImportError as error:
            raise RunError("--executor ray needs Ray: pip install 'ssmtl[ray]'") from error
        self.ray, self.threads, self.gpus = ray, threads, gpus
        size: dict[str, Any] = {} if address else {"num_cpus": jobs * threads}
        try:
            ray.init(address=address, log_to_driver=False, include_dashboard=False if not address else None, **size)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise RunError(f"--address {address}: no Ray cluster answers: {error}") from error

    def run(
        self, work: Sequence[Work], started: Callable[[Work], None], ended: Ended, idle: Callable[[], None]
    ) -> None:
        options: Any = self.ray.remote(num_cpus=self.threads, num_gpus=self.gpus, max_retries=RETRIES)
        task = options(work_below)
        waiting = deque(work)
        submitted: dict[ray.ObjectRef, Work] = {}
        queued: set[str] = set()
        while waiting or submitted:
            while waiting and len(submitted) < self.window():
                one = waiting.popleft()
                submitted[task.remote(one)] = one
                queued.add(one.cell)
            ready, _ = self.ray.wait(list(submitted), timeout=0.2)
            for one in submitted.values():
                if one.cell in queued and status_of(Path(one.suite), one.cell) == "running":
                    queued.discard(one.cell)
                    started(one)
            for reference in ready:
                one = submitted.pop(reference)
                code = self._code(reference)
                if code == BUSY:
                    submitted[task.remote(one, PATIENCE)] = one
                else:
                    ended(one, code)
            idle()

    def close(self) -> None:
        """Leave the cluster, or end the one that was started here."""
        self.ray.shutdown()

    def window(self) -> int:
        """How many cells are with Ray at a time: twice what the cluster, at its present size, can run."""
        size: dict[str, float] = self.ray.cluster_resources()  # type: ignore[no-untyped-call]
        fits = [size.get("CPU", 0.0) / self.threads]
        if self.gpus:
            fits.append(size.get("GPU", 0.0) / self.gpus)
        return AHEAD * max(1, int(min(fits)))

    def _code(self, reference: "ray.ObjectRef") -> int:
        """The worker's exit code; −9 if Ray gave up on the task because its workers died."""
        try:
            return int(self.ray.get(reference))
        except (self.ray.exceptions.WorkerCrashedError, self.ray.exceptions.RayError):
            return -9


def work_below(work: Work, wait: float = 0.0) -> int:
    """In a Ray worker: run the cell in a child process, which dies with this one.

    A task that is restarted after its worker died may find the old process still alive for a moment.
    """
    time.sleep(wait)
    code = launch(work).wait()
    if code == BUSY:
        time.sleep(PATIENCE)
        code = launch(work).wait()
    return code
