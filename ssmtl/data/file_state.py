"""What the file system says about a file without reading it, and whether that can tell a later change."""

import os
from typing import NamedTuple

SETTLED = 2_000_000_000
"""Nanoseconds: two changes closer than this may have one time of change, as on FAT, where times have 2 s steps."""


class FileState(NamedTuple):
    """Of a file, or of the file that a link leads to; times in nanoseconds.

    `changed` is the system's own time of the last change of content, name or rights (on Windows: of creation); unlike
    `modified` no program can set it back.
    """

    size: int
    modified: int
    changed: int
    inode: int

    @classmethod
    def of(cls, path: str) -> "FileState":
        """:raises OSError: if there is no such file."""
        status = os.stat(path)
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def settled(self, now: int) -> bool:
        """Whether a change after `now` gives another state: the last one is long enough ago."""
        return max(self.modified, self.changed) < now - SETTLED
