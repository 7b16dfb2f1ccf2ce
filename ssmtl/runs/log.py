"""metrics.jsonl: one JSON object per line, for every logged step and every evaluation."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssmtl.atomic_file import sync
from ssmtl.errors import RunError
from ssmtl.events import Evaluated, StepEnded
from ssmtl.json_file import without_nan
from ssmtl.regular_file import open_file, read_text

STEP, EVALUATED, SKIPPED = "step", "evaluated", "skipped"
"""The kinds of record, under the key `event`."""


class RunLog:
    """Not one of the observers: a line that cannot be written ends the run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.close(self._opened())

    def step_ended(self, step: StepEnded) -> None:
        """Record a logged step."""
        self._write({"event": STEP, **asdict(step)})

    def evaluated(self, result: Evaluated) -> None:
        """Record an evaluation."""
        self._write({"event": EVALUATED, **asdict(result)})

    def skipped(self, step: int, what: tuple[str, ...]) -> None:
        """Record a step that changed nothing, since `what` was not finite."""
        self._write({"event": SKIPPED, "step": step, "broken": what})

    def length(self) -> int:
        """Length in bytes, all of them on disk."""
        sync(self.path)
        return self.path.stat().st_size

    def cut(self, length: int) -> None:
        """Discard what was written after the first `length` bytes.

        :raises RunError: if there are fewer.
        """
        size = self.path.stat().st_size
        if size < length:
            raise RunError(f"{self.path} has lost its end: {size} bytes, but the checkpoint was made at {length}")
        os.truncate(self.path, length)

    def _write(self, record: dict[str, Any]) -> None:
        with os.fdopen(self._opened(), "a", encoding="utf-8") as file:
            file.write(json.dumps(without_nan(record)) + "\n")

    def _opened(self) -> int:
        """For appending; a link is not followed."""
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)


def read_log(path: Path) -> list[Mapping[str, Any]]:
    """The records; a last line cut short by a killed run is left out.

    :raises RunError: if any other line is not JSON.
    """
    try:
        lines = [line for line in read_text(path).splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    records: list[Mapping[str, Any]] = []
    for position, line in enumerate(lines, start=1):
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            if position < len(lines):
                raise RunError(f"{path}: line {position} is not valid JSON: {error}") from error
            break
        if not isinstance(records[-1], dict):
            raise RunError(f"{path}: line {position} is not a record of names and values")
    return records


def told_in(path: Path) -> Iterator[StepEnded | Evaluated]:
    """What the log's lines say was told to observers; a number that was not finite is NaN."""
    for record in read_log(path):
        content = {key: value for key, value in record.items() if key != "event"}
        if record["event"] == STEP:
            yield StepEnded(**_with_nan(content))
        elif record["event"] == EVALUATED:
            yield Evaluated(**{**content, "values": _with_nan(content["values"])})


def _with_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_nan(one) for key, one in value.items()}
    return math.nan if value is None else value


def last_step(path: Path) -> int:
    """The last step that was logged, read from the end of the file only; 0 before the first."""
    try:
        with open_file(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            lines = [line for line in file.read().split(b"\n")[:-1] if line.startswith(b'{"event"')]
        return int(json.loads(lines[-1])["step"])
    except (OSError, IndexError, ValueError, KeyError, TypeError, RecursionError):
        return 0
