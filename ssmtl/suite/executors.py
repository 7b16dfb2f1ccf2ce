"""The executors by name."""

from typing import Literal

from ssmtl.suite.executor import Executor

ExecutorName = Literal["local", "ray"]


def make_executor(
    name: ExecutorName, jobs: int, threads: int, address: str | None = None, gpus: float = 0.0
) -> Executor:
    """:param jobs: runs at a time. :param threads: of each. :param address, gpus: of Ray; see `RayCluster`.

    :raises RunError: without the extra, or if no cluster answers.
    """
    if name == "local":
        from ssmtl.suite.local import LocalPool

        return LocalPool(jobs)
    from ssmtl.suite.on_ray import RayCluster

    return RayCluster(jobs, threads, address, gpus)
