"""A file that a command is asked to write, looked at before the work begins."""

import os
from pathlib import Path

from ssmtl.errors import RunError


def check_output(path: Path, option: str) -> None:
    """So that minutes of work are not lost.

    :param option: that named the file. :raises RunError: if no file can be written there.
    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise RunError(
            f"{option}: {path} cannot be written; expected a file in a folder that is there and can be written to"
        )
