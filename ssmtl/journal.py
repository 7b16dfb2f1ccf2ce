"""The observer that writes metrics.jsonl."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssmtl.events import Evaluated, StepEnded
from ssmtl.hookspecs import hookimpl


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
    """One JSON object a line for every logged step and every evaluation."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @hookimpl
    def ssmtl_step_ended(self, step: StepEnded) -> None:
        self._write({"event": "step", **asdict(step)})

    @hookimpl
    def ssmtl_evaluated(self, result: Evaluated) -> None:
        self._write({"event": "evaluated", **asdict(result)})

    def _write(self, record: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(without_nan(record)) + "\n")
