"""The folders in which cache entries are built, one for each process that builds, and their removal after a kill."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

DAY = 24 * 60 * 60  # seconds


@contextmanager
def building_in(root: Path) -> Iterator[Path]:
    """A new folder in `root`, removed at the end unless it was renamed. Others may read it if the umask allows.

    It is called `.building-…` only once its lock is taken, so what has that name and no lock is abandoned.
    """
    token = secrets.token_hex(8)
    new, building = root / f".new-{token}", root / f".building-{token}"
    new.mkdir()
    try:
        with FileLock(new / ".lock"):
            new.rename(building)
            yield building
    finally:
        for folder in (new, building):
            shutil.rmtree(folder, ignore_errors=True)


def clear_abandoned(root: Path) -> None:
    """Remove what killed processes left unfinished: nobody holds its lock, or it has been without a lock for a day."""
    for new in root.glob(".new-*"):
        with suppress(OSError):
            if time.time() - new.stat().st_mtime > DAY:
                shutil.rmtree(new, ignore_errors=True)
    for building in root.glob(".building-*"):
        try:
            with FileLock(building / ".lock").acquire(timeout=0):
                shutil.rmtree(building, ignore_errors=True)
        except (Timeout, OSError):
            continue
