"""A file that a command is asked to write, looked at before the work begins."""

import tempfile
from pathlib import Path

from ssmtl.errors import RunError


def check_output(path: Path, option: str, suffix: str = "", *, makes_folders: bool = False) -> None:
    """So that minutes of work are not lost, and nothing is replaced that this command cannot have written.

    :param option: that named the file. :param suffix: of the files that the command writes; one that is there and has
        another stays.
    :param makes_folders: whether the command makes the folders that are missing; the nearest that is there is tried.
    :raises RunError: if no file can be written there.
    """
    if suffix and path.is_file() and path.suffix.lower() != suffix:
        raise RunError(f"{option}: {path} is already there and no {suffix} file; remove it, or give another {option}")
    try:
        if path.is_dir() or (path.exists() and not path.is_file()):
            raise IsADirectoryError
        folder = path.absolute().parent
        while makes_folders and not folder.exists() and not folder.is_symlink():
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        expected = "that can be written to" if makes_folders else "that is there and can be written to"
        raise RunError(f"{option}: {path} cannot be written; expected a file in a folder {expected}") from error
