"""The states that a run can resume from: one folder each, written whole or not at all, with checksums."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ssmtl.atomic_file import publish, write_text
from ssmtl.errors import RunError, warn
from ssmtl.json_file import without_nan
from ssmtl.model.weights import read_tensors, write_tensors
from ssmtl.regular_file import open_file, read_text
from ssmtl.runs.files import CheckpointFacts
from ssmtl.runs.folder import RunFolder

FORMAT = 2
"""Increased when older checkpoints can no longer be read."""

STATE, FACTS, BEST = "state.safetensors", "checkpoint.json", "best.safetensors"

DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, RunError)
"""What reading a damaged checkpoint raises."""


@dataclass(frozen=True)
class Checkpoint:
    """:param facts: the content of its checkpoint.json. :param folder: where it is."""

    facts: CheckpointFacts
    folder: Path

    def tensors(self) -> dict[str, Tensor]:
        """:raises RunError: if the file has vanished since it was checked."""
        return read_tensors(self.folder / STATE)


class Checkpoints:
    """The checkpoints of one run, in `RUN/checkpoints/step-00000100` and so on.

    :param keep: how many of the latest are kept.
    """

    def __init__(self, run: RunFolder, keep: int) -> None:
        self.folder, self.best, self.keep = run.checkpoints, run.weights("best"), keep

    def save(self, tensors: Mapping[str, Tensor], facts: CheckpointFacts) -> Path:
        """Write a checkpoint, including the best weights so far; then remove those that are too old.

        :raises OSError: if it cannot be written; earlier ones are left as they are.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self._place(facts.step)
        building = self.folder / f".{place.name}.part"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        try:
            write_tensors(building / STATE, tensors, {"step": str(facts.step)})
            if self.best.is_file():
                _link(self.best, building / BEST)
            facts.files = {file.name: _checksum(file) for file in sorted(building.iterdir())}
            content = without_nan(facts.model_dump())
            write_text(building / FACTS, json.dumps({"content": content, "checksum": _digest(content)}, indent=1))
            if place.exists():  # damaged, or left from before the run resumed from an earlier one
                _remove(place)
            publish(building, place)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        for old in self._places()[self.keep :]:
            _remove(old)
        return place

    def whole(self) -> Iterator[Checkpoint]:
        """The latest first. A damaged one is named in a warning and skipped."""
        for place in self._places():
            try:
                yield self._read(place)
            except DAMAGE as error:
                warn(f"the checkpoint {place} is damaged and skipped: {error}")

    def usable(self, log: Path) -> bool:
        """Whether the run can resume from one of them: it is intact, and the log still reaches it. Says nothing."""
        for place in self._places():
            with suppress(*DAMAGE):
                if self._read(place).facts.log_bytes <= log.stat().st_size:
                    return True
        return False

    def at(self, step: int) -> Checkpoint:
        """The checkpoint of this step, which is known to be intact."""
        return self._read(self._place(step))

    def put_back_best(self, checkpoint: Checkpoint) -> None:
        """Restore the weights that were the best at the checkpoint."""
        saved = checkpoint.folder / BEST
        if not saved.is_file():
            self.best.unlink(missing_ok=True)
            return
        self.best.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.best.with_name(f".{BEST}.part")
        temporary.unlink(missing_ok=True)
        _link(saved, temporary)
        os.replace(temporary, self.best)
        temporary.unlink(missing_ok=True)  # if both are names of one file, os.replace does nothing

    def _place(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def _places(self) -> list[Path]:
        """The latest first."""
        return sorted(self.folder.glob("step-*"), reverse=True)

    def _read(self, place: Path) -> Checkpoint:
        written = json.loads(read_text(place / FACTS))
        content = written["content"]
        if written["checksum"] != _digest(content):
            raise ValueError(f"{FACTS} has changed since it was written")
        if content["format"] != FORMAT:
            raise RunError(f"its format is {content['format']}; this version reads format {FORMAT}")
        facts = CheckpointFacts.model_validate(content)
        for name, checksum in facts.files.items():
            if name not in (STATE, BEST):
                raise ValueError(f"{FACTS} names the file {name!r}")
            if _checksum(place / name) != checksum:
                raise ValueError(f"{name} has changed since it was written")
        return Checkpoint(facts, place)


def _checksum(path: Path) -> str:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _link(source: Path, target: Path) -> None:
    """A hard link, since the file is replaced and never written to; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _remove(place: Path) -> None:
    """Renamed first, so that what a killed process leaves behind is not taken for a checkpoint."""
    doomed = place.with_name(f".{place.name}.old")
    shutil.rmtree(doomed, ignore_errors=True)
    place.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)
