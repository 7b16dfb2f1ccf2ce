"""What was measured of the training steps of methods."""

import csv
import inspect
from dataclasses import asdict, dataclass
from pathlib import Path

KINDS = ("strategy", "balancer", "bridge")
"""The kinds of components that are methods."""

MEASURED = Path(__file__).with_name("methods.csv")
"""Written by `python benchmarks/cost/methods_cost.py`."""


@dataclass(frozen=True)
class MeasuredMethod:
    """Of one method's training step, beside that of the supervised recipe which its recipe extends.

    :param base: that recipe. :param pairs: of steps, in turns; 0 of what that recipe has itself.
    :param ratio, low, high: of processor times: the median, and its 95 % interval. :param wall: likewise by the clock.
    :param base_seconds: processor time of a supervised step. :param batch: rows of one pool in a step.
    :param rows_trained, rows_in_images, rows_plain, rows_head, rows_backward: more rows than supervised, as in
        `RowsThrough`.
    :param bytes_buffers, bytes_parameters, bytes_averages: more bytes of buffers, trained parameters, moving averages.
    """

    kind: str
    name: str
    base: str
    pairs: int
    ratio: float
    low: float
    high: float
    wall: float
    base_seconds: float
    batch: int
    rows_trained: int
    rows_in_images: int
    rows_plain: int
    rows_head: int
    rows_backward: int
    bytes_buffers: int
    bytes_parameters: int
    bytes_averages: int
    torch: str
    machine: str

    def times(self) -> dict[str, float | int | str]:
        """What was timed, by column."""
        return {key: asdict(self)[key] for key in ("pairs", "ratio", "low", "high", "wall", "base_seconds")}


def read_measured() -> list[MeasuredMethod]:
    """The rows that were measured; none if there are none yet."""
    if not MEASURED.is_file():
        return []
    hints = inspect.get_annotations(MeasuredMethod)
    with MEASURED.open(newline="", encoding="utf-8") as file:
        return [MeasuredMethod(**{key: hints[key](text) for key, text in row.items()}) for row in csv.DictReader(file)]
