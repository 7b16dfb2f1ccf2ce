"""Files that others named: opened only if they are regular files, so that a pipe or a device can make nothing wait."""

import errno
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link",
}


def open_file(path: Path) -> BufferedReader:
    """The file, opened for reading bytes; a link to a regular file is followed.

    :raises OSError: if it is missing, may not be read, or is a folder, named pipe, device or socket.
    """
    check_file(path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_file(path: Path) -> None:
    """For libraries that open a path themselves.

    :raises OSError: if it is missing, or not a regular file.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:  # a null character
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    _check(mode, path)


def read_bytes(path: Path) -> bytes:
    """:raises OSError: as `open_file`."""
    with open_file(path) as file:
        return file.read()


def read_text(path: Path, errors: str = "strict") -> str:
    """UTF-8 text, with the file's own line ends.

    :raises OSError: as `open_file`. :raises UnicodeDecodeError: if it is not UTF-8 and `errors` is strict.
    """
    return read_bytes(path).decode("utf-8", errors)


def strangers(folder: Path) -> Iterator[str]:
    """What is neither a regular file nor a folder, here and below, such as 'run/weights is a link'."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            try:
                kind = stat.S_IFMT(os.lstat(path).st_mode)
            except FileNotFoundError:  # removed meanwhile
                continue
            if kind not in (stat.S_IFREG, stat.S_IFDIR):
                yield f"{path} is {KINDS.get(kind, 'of an unknown kind')}"


def _check(mode: int, path: Path) -> None:
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"it is {KINDS.get(kind, 'of an unknown kind')}, not a regular file", str(path))
