"""One process at a time works on a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from ssmtl.errors import RunError
from ssmtl.runs.folder import RunFolder


@contextmanager
def run_lock(folder: RunFolder) -> Iterator[None]:
    """Holds the lock while the context lasts; the system releases it however the process ends.

    :raises RunError: if another process holds it.
    """
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(f"another process is working on {folder.path}; wait for it, or give another --out") from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: RunFolder) -> bool:
    """Whether a process is working on the run; False if this user may not ask."""
    if not folder.lock.is_file():
        return False
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
