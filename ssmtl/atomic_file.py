"""Atomic, durable writes: a file or folder is written whole or not at all, and survives a power cut."""

import os
import shutil
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write atomically: a reader sees the old content or the new.

    Bytes of a file name that are not valid UTF-8 are written as escapes such as `\\udcff`.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def clear_leftovers(folder: Path) -> None:
    """Remove what a killed process left half-written or half-removed, here and below."""
    for path in [*folder.rglob(".*.part"), *folder.rglob(".*.old")]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until the file's content, or the folder's list of names, is on disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no such call for folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(building: Path, place: Path) -> None:
    """Rename a finished folder into place; its files and its name are on disk when this returns.

    :raises OSError: if `place` already exists.
    """
    for file in building.iterdir():
        sync(file)
    sync(building)
    os.rename(building, place)
    sync(place.parent)
