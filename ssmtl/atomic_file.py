"""Atomic, durable writes: a file or folder is written whole or not at all, and survives a power cut."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ssmtl.regular_file import check_file


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the place of `path` once it is whole and on disk.

    Whatever is already there, or under the temporary name, is replaced and never written to: neither may be a link to
    somewhere else. The file may be read by whom the umask says.

    :raises OSError: if it cannot be written, or if `path` is a folder, named pipe, device or socket.
    """
    if path.exists():
        check_file(path)
    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write atomically: a reader sees the old content or the new.

    Bytes of a file name that are not valid UTF-8 are written as escapes such as `\\udcff`.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


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
