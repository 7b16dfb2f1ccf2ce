"""metrics.jsonl."""

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssmtl.errors import RunError
from ssmtl.events import Evaluated, StepEnded
from ssmtl.whole_file import sync


def without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for both."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value


class Journal:
    """One JSON object a line for every logged step and every evaluation.

    Not one of the observers: a line that cannot be written ends the run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def step_ended(self, step: StepEnded) -> None:
        """Note a logged step."""
        self._write({"event": "step", **asdict(step)})

    def evaluated(self, result: Evaluated) -> None:
        """Note an evaluation."""
        self._write({"event": "evaluated", **asdict(result)})

    def skipped(self, step: int, broken: tuple[str, ...]) -> None:
        """Note a step that changed nothing, and why."""
        self._write({"event": "skipped", "step": step, "broken": broken})

    def length(self) -> int:
        """Bytes, all of them on the disk."""
        sync(self.path)
        return self.path.stat().st_size

    def cut(self, length: int) -> None:
        """Forget what was written after these bytes.

        :raises RunError: if there are fewer.
        """
        found = self.path.stat().st_size
        if found < length:
            raise RunError(f"{self.path} has lost its end: {found} bytes, and the checkpoint was made at {length}")
        os.truncate(self.path, length)

    def _write(self, record: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(without_nan(record)) + "\n")
