"""Hashes of files on disk, for the next process of the same user."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ssmtl.atomic_file import replacing
from ssmtl.regular_file import read_bytes

FORMAT = 1
"""Increased when what is written changes."""

FILES = 1_000_000
"""At most this many in one store; then only those of the last listing are kept."""

STORES = 50
"""At most this many, each for the images of one folder; the oldest are removed."""

PATIENCE = 10.0
"""Seconds that a process waits for another that is writing the same store."""

Known = Sequence[Any]
"""A file's hash, then the numbers of its `FileState`."""

Hashes = Mapping[str, Known]
"""By absolute path."""


def store_of(root: str, cache: Path) -> Path | None:
    """Where the hashes of the files in the folder `root` are; None if no place in the cache is this user's alone."""
    user = str(os.getuid()) if hasattr(os, "getuid") else "all"
    folder = cache / f"hashes-{user}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.lstat(folder)
    except OSError:
        return None
    own = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
    name = hashlib.sha256(os.fsencode(f"{FORMAT} {root}")).hexdigest()[:32]
    return folder / f"{name}.json" if stat.S_ISDIR(status.st_mode) and own else None


def read_hashes(store: Path) -> dict[str, Known]:
    """What is stored; nothing if it is missing, damaged, or not as it was written."""
    try:
        checksum, _, content = read_bytes(store).partition(b"\n")
        if hashlib.blake2b(content).hexdigest().encode() != checksum:
            return {}
        return dict(json.loads(content))
    except (OSError, ValueError, TypeError, RecursionError):
        return {}


def add_hashes(store: Path, hashes: Hashes) -> None:
    """Add to what is stored, also by other processes meanwhile. A disk that cannot be written is no error."""
    with suppress(OSError, Timeout), FileLock(store.with_suffix(".lock"), timeout=PATIENCE):
        merged = {**read_hashes(store), **hashes}
        kept = merged if len(merged) <= FILES else dict(list(hashes.items())[:FILES])
        content = json.dumps(kept).encode()
        with replacing(store) as file:
            file.write(hashlib.blake2b(content).hexdigest().encode() + b"\n" + content)
        _remove_oldest(store.parent.glob("*.json"))


def _remove_oldest(stores: Iterable[Path]) -> None:
    for store in sorted(stores, key=lambda path: path.stat().st_mtime, reverse=True)[STORES:]:
        store.unlink(missing_ok=True)
        store.with_suffix(".lock").unlink(missing_ok=True)
