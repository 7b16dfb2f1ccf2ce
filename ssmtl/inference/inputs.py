"""The images that a command line names: files, folders, patterns and tables."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ssmtl.contracts.folders import Folders
from ssmtl.contracts.source import Pixels
from ssmtl.data.images import ImageFile
from ssmtl.errors import DataError, warn
from ssmtl.inference.record import MARK
from ssmtl.registry.blame import blaming
from ssmtl.registry.options import build
from ssmtl.registry.plugins import Plugins
from ssmtl.regular_file import open_file
from ssmtl.runs.folder import RunFolder
from ssmtl.wording import counted

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".dcm", ".dicom"})
"""Of image files in a folder; files without a suffix count if they are DICOM."""


@dataclass(frozen=True)
class InputImage:
    """:param name: a relative path with forward slashes, unlike that of any other; the images' common folder is left
    out, so that it does not depend on where they are. :param path: as given.
    """

    name: str
    path: str
    pixels: Pixels


def leading_runs(arguments: Sequence[Path]) -> tuple[list[RunFolder], list[Path]]:
    """The runs that a command line begins with, and the rest. A folder is a run if it holds a recipe.yaml.

    :raises DataError: if the first is no run, or a run comes after an image.
    """
    runs = [RunFolder(path) for path in arguments if _is_run(path)]
    if not arguments or not _is_run(arguments[0]):
        first = arguments[0] if arguments else "nothing"
        what = "there is no such folder" if arguments and not arguments[0].exists() else "it has no recipe.yaml"
        raise DataError(f"{first} is no run ({what}); expected RUN [RUN ...] IMAGES ...")
    for place, path in enumerate(arguments):
        if place >= len(runs) and _is_run(path):
            raise DataError(f"{path} is a run and comes after an image; expected all runs first, then the images")
    return runs, list(arguments[len(runs) :])


def listed(inputs: Sequence[Path], plugins: Plugins, out: Path) -> list[InputImage]:
    """The images, each once, in the order of the inputs; those of a folder and of what is below it by their path.

    :param out: where predictions are written: nothing in it is an image.
    :raises DataError: if an input is missing, or holds no image; for the first mistake in a table.
    """
    if not inputs:
        raise DataError("no images were given; expected files, folders, patterns such as 'scans/*.png', or tables")
    found: dict[str, tuple[Path, Pixels]] = {}
    for given in inputs:
        if _is_in(given, out.resolve()):
            raise DataError(f"{given} is in --out {out}, where predictions are written; nothing in it is an image")
        for path, pixels in _of(given, plugins, out.resolve()):
            found.setdefault(os.path.abspath(path), (path, pixels))
    names = _names(list(found))
    return [InputImage(names[place], str(path), pixels) for place, (path, pixels) in found.items()]


def _of(given: Path, plugins: Plugins, out: Path) -> list[tuple[Path, Pixels]]:
    if given.is_dir():
        files = [(path, ImageFile(path)) for path in _below(given, out)]
        if not files:
            raise DataError(f"{given} holds no images (PNG, JPEG, GIF, BMP, TIFF, DICOM)")
        return list(files)
    if os.path.lexists(given):
        if given.suffix.lower() == ".csv":
            return _of_table(given, plugins)
        return [(given, ImageFile(given))]
    if any(sign in str(given) for sign in "*?["):
        every = (Path(one) for one in sorted(glob.glob(str(given), recursive=True)))
        matching = [one for one in every if not one.is_dir() and not _is_in(one, out)]
        if matching:
            return [pair for path in matching for pair in _of(path, plugins, out)]
        raise DataError(f"no file matches {given}")
    raise DataError(f"nothing at {given}; expected a file, a folder, a pattern or a table of images")


def _is_in(path: Path, out: Path) -> bool:
    return (out / MARK).is_file() and path.resolve().is_relative_to(out)


def _below(folder: Path, out: Path) -> Iterator[Path]:
    """In the order of their paths; hidden files, links to folders, runs and earlier predictions are left out."""
    for place, folders, files in os.walk(folder, onerror=_unreadable):
        own = Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and (own / name).resolve() != out)
        for name in list(folders):
            other = "a run" if _is_run(own / name) else ""
            other = "earlier predictions" if _is_file(own / name / MARK) else other
            if other:
                warn(f"{own / name} holds {other}: nothing in it is taken for an image")
                folders.remove(name)
        for name in sorted(files):
            if not name.startswith(".") and _is_image(own / name):
                yield own / name


def _unreadable(error: OSError) -> None:
    raise DataError(f"the folder {error.filename} cannot be read: {error.strerror or error}") from error


def _is_run(folder: Path) -> bool:
    return _is_file(RunFolder(folder).recipe)


def _is_file(path: Path) -> bool:
    """Also where it may not be asked: the folder is named when it is listed."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_image(path: Path) -> bool:
    if path.suffix:
        return path.suffix.lower() in SUFFIXES
    try:
        with open_file(path) as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _of_table(table: Path, plugins: Plugins) -> list[tuple[Path, Pixels]]:
    """As the source `manifest` reads it: its column `image` names the files."""
    if "manifest" not in plugins["source"]:
        raise DataError(f"{table}: the source 'manifest', which reads tables, is not installed")
    entry = plugins["source"]["manifest"]
    options = {"root": str(table.absolute().parent), "file": table.name, "outside": True}
    with blaming(f"the table {table}", entry, "while it was read"):
        examples = build(entry.make, "manifest", options, Folders()).examples()
    return [(Path(one.image.name), one.image) for one in examples]


def _names(places: Sequence[str]) -> dict[str, str]:
    """By absolute path, the path below the folder that all have in common."""
    shared = os.path.commonpath([os.path.dirname(place) for place in places])
    return {place: PurePosixPath(Path(place).relative_to(shared)).as_posix() for place in places}


def stems(names: Sequence[str]) -> dict[str, str]:
    """By name, what its files are called: without its suffix, unless another one would be called the same."""
    short = {name: str(PurePosixPath(name).with_suffix("")) for name in names}
    while True:
        taken = Counter(one.casefold() for one in short.values())
        again = {name: name if taken[stem.casefold()] > 1 else stem for name, stem in short.items()}
        if again == short:
            return short
        short = again


def summary(images: Sequence[InputImage], inputs: Sequence[Path]) -> str:
    """Such as '12 images in 2 places'."""
    return f"{counted(len(images), 'image')} in {counted(len(inputs), 'place')}"
