"""What many images cost: building the cache, taking batches for training, evaluating masks.

    python benchmarks/cost/scale.py --images 1000 10000 30000 --out benchmarks/cost/results/scale.csv

The images and masks are made up as they are read, so that no files are needed; the cache is built in a temporary
folder and takes 128 KB for each image of 256 pixels. One row for each number of images and stage: seconds per image,
and the memory of the process at the end of the stage. What is its own could run out; what is mapped from files (the
cache, and libraries) is resident too, but the system takes it back when memory is short.
"""

import argparse
import csv
import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.cache import decode
from ssmtl.data.identity import ImageIdentity
from ssmtl.data.rows import Rows, rows_of
from ssmtl.data.sampler import rows_at
from ssmtl.evaluation.counts import ImageCounts
from ssmtl.evaluation.kept import KeptPredictions
from ssmtl.evaluation.predict import predict, shown_to
from ssmtl.evaluation.score import score
from ssmtl_metrics import ssmtl_metrics

SIDE, BATCH, STEPS = 256, 10, 500
LUNG = Output("masks", ("lung",))
METRICS = ("dice", "jaccard", "empty_masks")
PATTERN = np.random.default_rng(0).integers(0, 256, (2 * SIDE, 2 * SIDE), dtype=np.uint8)
COLUMNS = ("images", "stage", "seconds_per_image", "own_mb", "mapped_mb")


@dataclass(frozen=True)
class MadeUp:
    """A window of a pattern, or what is bright in its left half; cheap, and different for each number."""

    number: int
    mask: bool = False

    @property
    def name(self) -> str:
        return f"{self.number}{'m' if self.mask else ''}"

    def fingerprint(self) -> str:
        return hashlib.blake2b(self.name.encode(), digest_size=16).hexdigest()

    def read(self) -> NDArray[np.uint8]:
        top, left = self.number % SIDE, self.number // SIDE % SIDE
        window = PATTERN[top : top + SIDE, left : left + SIDE]
        return np.where(window > 100, 255, 0).astype(np.uint8) if self.mask else window


class Bright(nn.Module):
    """A network that finds what is bright."""

    def logits(self, _task: str, images: Tensor) -> Tensor:
        return images * 10 - 5


def memory() -> tuple[int, int]:
    """Megabytes of this process: its own, and mapped from files. Zero where the system does not say."""
    status = Path("/proc/self/status")
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines()) if status.exists() else {}
    own, mapped = (int(lines.get(name, "0 kB").split()[0]) // 1024 for name in ("RssAnon", "RssFile"))
    return own, mapped


@contextmanager
def stage(table: list[tuple[Any, ...]], images: int, name: str, per: int) -> Iterator[None]:
    """Times what is inside, and adds and prints its row."""
    began = time.perf_counter()
    yield
    row = (images, name, f"{(time.perf_counter() - began) / per:.6f}", *memory())
    table.append(row)
    print(*row, flush=True)


def examples_of(count: int) -> list[Example]:
    """Each image its own patient, each with a mask."""
    return [Example(str(n), str(n), MadeUp(n), masks={"lung": (MadeUp(n, True),)}) for n in range(count)]


def identity_of(example: Example) -> ImageIdentity:
    """As `identities_of` would make it, without the pixels."""
    masks = tuple((name, tuple(one.fingerprint() for one in parts)) for name, parts in (example.masks or {}).items())
    return ImageIdentity(example.id, example.patient, example.image.fingerprint(), masks=masks)


def train(rows: Rows) -> None:
    """Take batches as a training step does."""
    for step in range(STEPS):
        chosen = rows_at(step, BATCH, len(rows), 0, "lungs", "labeled")
        rows.images(chosen).float().div_(255)
        rows.target(chosen)


def evaluate(rows: Rows) -> None:
    """Predict, score and keep what a run keeps."""
    made = ssmtl_metrics()
    task: Any = SimpleNamespace(name="lungs", output=LUNG, metrics={name: made[name](LUNG) for name in METRICS})
    kept, counts = KeptPredictions("masks", len(rows)), ImageCounts("masks")
    model: Any = Bright()
    scores = score(task, shown_to(predict(model, task, rows, torch.device("cpu")), kept.add, counts.add))
    assert counts.numbers["images"] == len(scores.per_image["dice"]) == len(rows)


def measure(count: int, table: list[tuple[Any, ...]]) -> None:
    """The three stages for this many images."""
    examples = examples_of(count)
    identities = [identity_of(example) for example in examples]
    with tempfile.TemporaryDirectory() as folder:
        with stage(table, count, "cache", count):
            decoded = decode(examples, SIDE, 1, ("lung",), identities=identities, folder=Path(folder))
        rows = rows_of("made_up", [example.id for example in examples], LUNG, examples, decoded)
        with stage(table, count, "batches", STEPS * BATCH):
            train(rows)
        with stage(table, count, "evaluation", count):
            evaluate(rows)


def main() -> None:
    """Measure, print, write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10000, 30000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table: list[tuple[Any, ...]] = []
    for count in options.images:
        measure(count, table)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *table])


if __name__ == "__main__":
    main()
