"""Which files of a folder are images, and which folder is the data set's own."""

import os
from collections.abc import Iterable
from pathlib import Path

from ssmtl import DataError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".dcm", ".dicom"})


def images_in(folder: Path) -> list[Path]:
    """The image files directly inside, sorted by name; hidden files and files with other suffixes are skipped.

    :raises DataError: if there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; expected images in it")
    return sorted(path for path in folder.iterdir() if is_image(path))


def is_image(path: Path) -> bool:
    """Whether the suffix is that of an image; macOS's `._name` companion files are not images."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and is_there(path)


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """File name without its suffix → file.

    :raises DataError: if two files have the same stem; it names both.
    """
    files: dict[str, Path] = {}
    for path in paths:
        if path.stem in files:
            raise DataError(f"{path} and {files[path.stem]} are both named '{path.stem}'; expected one of them")
        files[path.stem] = path
    return files


def set_folder(root: Path, names: Iterable[str], holds: Iterable[str]) -> Path:
    """The first of `root` and its subfolders `names` that holds at least one of the entries `holds`.

    :raises DataError: if there is none; it says what was expected.
    """
    wanted = list(holds)
    candidates = [root, *(root / name for name in names)]
    for candidate in candidates:
        if any((candidate / entry).exists() for entry in wanted):
            return candidate
    raise DataError(f"{root} holds none of {', '.join(wanted)} (nor does {', '.join(names) or 'a folder'} inside it)")


class LeadsOutError(DataError):
    """A path that leads out of the data set's folder."""


def inside(root: Path, cell: str, outside: bool = False) -> Path:
    """`root / cell`, which must lie below `root` once links are followed.

    :param outside: whether it may lie elsewhere.
    :raises DataError: if it lies elsewhere and may not.
    """
    path = root / cell
    if outside:
        return path
    try:
        stays = "\0" not in cell and path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # a loop of links
        raise DataError(f"'{cell}': {error}") from error
    if not stays:
        raise LeadsOutError(f"'{cell}' leads out of {root}")
    return path


def is_there(path: Path) -> bool:
    """Whether it is a file, or a broken link or a named pipe, which the reader refuses; False for a folder."""
    return os.path.lexists(path) and not os.path.isdir(path)


def relative(path: Path, root: Path) -> str:
    """The id of an image: its path relative to the root, with forward slashes."""
    return path.relative_to(root).as_posix()
