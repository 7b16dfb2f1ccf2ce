"""Files that the cells of a table name, relative to the folder of the table."""

import os
import stat
from pathlib import Path

from ssmtl_sources.listing import inside


class NamedFiles:
    """Follows links as `inside` does, but each folder once, since a table may name many files of one folder.

    :param outside: whether paths may lead out of `root`.
    """

    def __init__(self, root: Path, outside: bool) -> None:
        self._root, self._outside = root, outside
        self._start = os.path.join(root, "")
        self._real_start = os.path.join(os.path.realpath(root), "")
        self._folders: dict[str, str] = {}

    def find(self, cell: str) -> tuple[Path, str]:
        """The path, and where it leads to.

        :raises DataError: as `inside`. :raises FileNotFoundError: if no file is there, whose path is the argument.
        """
        path = os.path.join(self._root, cell) if cell.startswith("/") else self._start + cell
        real = self._plain_file(path)
        if real is not None:
            return Path(path), real
        found = inside(self._root, cell, self._outside)
        if not os.path.isfile(found):
            raise FileNotFoundError(found)
        return found, os.path.realpath(found)

    def _plain_file(self, path: str) -> str | None:
        """Where it leads to, if it is a file, not a link, in a folder inside the root; None if that is not clear."""
        folder, name = os.path.split(path)
        if os.name != "posix" or name in ("", ".", ".."):
            return None
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode):
                return None
        except (OSError, ValueError):  # ValueError: a null character
            return None
        if folder not in self._folders:
            self._folders[folder] = os.path.join(os.path.realpath(folder), "")
        real = self._folders[folder] + name
        return real if self._outside or real.startswith(self._real_start) else None
