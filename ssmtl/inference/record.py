"""What a folder of predictions is of, and how far it has come."""

import json
import os
from pathlib import Path
from typing import Any

from ssmtl.atomic_file import clear_leftovers, sync, write_text
from ssmtl.errors import RunError
from ssmtl.json_file import FileModel, Id, read_model, write_model
from ssmtl.regular_file import strangers

MARK = "predict.json"
PROGRESS = "progress.jsonl"


class PredictionsOf(FileModel):
    """predict.json: what decides the content of the folder.

    :param weights: SHA-256 of each run's weights. :param options: by name. :param images: their names and paths.
    """

    runs: list[str]
    weights: list[str]
    options: dict[str, Any]
    images: list[list[Id]]


class PredictedRow(FileModel):
    """A line of progress.jsonl: an image that is done, with all its files.

    :param state: size and time of modification of its file, so that one that was changed since is predicted anew.
    :param values: by column; None: it failed, and `reason` says why. :param files: that belong to it, in the folder.
    """

    name: Id
    state: list[int]
    values: dict[str, Any] | None = None
    files: list[Id] = []
    reason: Id = ""


def check_folder(folder: Path, wanted: PredictionsOf) -> None:
    """:raises RunError: if it holds something else, or predictions of another model, of other images or options."""
    if os.path.lexists(folder) and not folder.is_dir():
        what = "a file" if folder.exists() else "a link to nothing"
        raise RunError(f"--out {folder} is {what}; expected a folder")
    if not (folder / MARK).exists():
        if folder.is_dir() and any(one.name != ".lock" for one in folder.iterdir()):
            raise RunError(f"--out {folder} is not empty, and holds no predictions ({MARK}); give a new folder")
        return
    for stranger in strangers(folder):
        raise RunError(f"{stranger}; a folder of predictions may hold only regular files and folders. Remove it")
    before = read_model(folder / MARK, PredictionsOf)
    for what, words in (("weights", "another model"), ("options", "other options"), ("images", "other images")):
        if getattr(before, what) != getattr(wanted, what):
            differing = _difference(before, wanted, what)
            raise RunError(f"--out {folder} holds predictions of {words} ({differing}); give another folder")


def begin(folder: Path, wanted: PredictionsOf) -> dict[str, PredictedRow]:
    """Mark the folder, or go on in it: the rows that are done, by name.

    :raises RunError: as `check_folder`.
    """
    check_folder(folder, wanted)
    clear_leftovers(folder)
    if not (folder / MARK).exists():
        write_model(folder / MARK, wanted)
    return _rows(folder / PROGRESS)


def _difference(before: PredictionsOf, wanted: PredictionsOf, what: str) -> str:
    if what == "options":
        names = sorted({*before.options, *wanted.options})
        pairs = [(name, before.options.get(name), wanted.options.get(name)) for name in names]
        return "; ".join(f"{name} {old}, now {new}" for name, old, new in pairs if old != new)
    if what == "images":
        if len(before.images) != len(wanted.images):
            return f"{len(before.images)}, now {len(wanted.images)}"
        old, new = next(pair for pair in zip(before.images, wanted.images, strict=True) if pair[0] != pair[1])
        return f"{', '.join(old[1:])}, now {', '.join(new[1:])}"
    return f"{', '.join(before.runs)}, now {', '.join(wanted.runs)}"


def _rows(path: Path) -> dict[str, PredictedRow]:
    """What was written whole: the last line may have been cut off, and whatever follows a damaged line is done anew."""
    rows: dict[str, PredictedRow] = {}
    if not path.exists():
        return rows
    whole = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        try:
            row = PredictedRow.model_validate(json.loads(line))
        except ValueError:
            break
        if not line.endswith("\n"):
            break
        rows[row.name] = row
        whole.append(line)
    write_text(path, "".join(whole))
    return rows


class ProgressFile:
    """Takes one line for each image, on disk at the latest with `close`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROGRESS
        self._file = self._path.open("a", encoding="utf-8")

    def add(self, row: PredictedRow) -> None:
        """After all files of the image are written."""
        self._file.write(json.dumps(row.model_dump()) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()
        sync(self._path)


def state_of(path: str) -> list[int]:
    """Size and time of modification of a file; empty if it cannot be read."""
    try:
        facts = Path(path).stat()
    except (OSError, ValueError):
        return []
    return [facts.st_size, facts.st_mtime_ns]
