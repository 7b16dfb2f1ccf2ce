"""What a step takes on a GPU: with and without its one read, and with sums in a fixed order and in any.

    python benchmarks/cost/gpu.py OUT.csv

Of MultiMix on the phantom, 40 rows a step. Two ways take turns of eight steps: medians, and the lowest and highest
ratio of first to second. `gpu_busy_ms` is the time of the step's kernels, by PyTorch's profiler.
"""

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch.profiler import ProfilerActivity, profile

from ssmtl import Folders
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.fabric import make_fabric
from ssmtl.training import engine
from ssmtl.training.finite import check_finite
from ssmtl.training.train_state import TrainState, make_train_state

TURNS, STEPS, WARM_UP = 8, 8, 5
NUMBERS = ("first_ms", "second_ms", "ratio_low", "ratio_high", "gpu_busy_ms", "peak_megabytes")
DOMAINS = {"chex": 60, "jsrt": 40, "nihx": 8, "mcu": 8}


def state_of(size: int, precision: str) -> TrainState:
    """MultiMix, ready to train on the GPU."""
    plugins = load_plugins()
    images = (
        f"sources.{name}={{use: phantom, domain: {name}, images: {n}, size: {size}}}" for name, n in DOMAINS.items()
    )
    settings = (f"image.size={size}", "train.device=cuda", f"train.precision={precision!r}", *images)
    labels = ("tasks.diagnosis.labeled=all", "tasks.lungs.labeled=all")
    recipe = read("multimix", plugins["recipe"], overrides=[*settings, *labels]).validated()
    experiment = assemble(recipe, plugins)
    return make_train_state(make_fabric(recipe), experiment, prepare(experiment, plugins, Folders()).tasks)


def seconds(state: TrainState, first: int, steps: int) -> float:
    """Of a step, until the GPU has done it."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for step in range(first, first + steps):
        engine.training_step(state, step)
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / steps


def turn(state: TrainState, ways: tuple[Callable[[], None], ...], number: int) -> list[float]:
    """Seconds of a step in each way."""
    found = []
    for way in ways:
        way()
        found.append(seconds(state, WARM_UP + number * STEPS, STEPS))
    in_fixed_order()
    as_it_is()
    return found


def busy(state: TrainState) -> float:
    """Milliseconds of a step's kernels."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as noted:
        seconds(state, 1000, STEPS)
    return float(sum(event.self_device_time_total for event in noted.key_averages()) / STEPS / 1e3)


def in_any_order() -> None:
    torch.use_deterministic_algorithms(False)


def in_fixed_order() -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)


def unread() -> None:
    setattr(engine, "check_finite", lambda *_: None)  # noqa: B010


def as_it_is() -> None:
    setattr(engine, "check_finite", check_finite)  # noqa: B010


PAIRS: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
    "one read, none": (as_it_is, unread),
    "fixed order, any": (in_fixed_order, in_any_order),
}


def main(out: Path) -> None:
    rows = []
    for size in (64, 128, 256):
        for precision in ("32", "bf16-mixed", "16-mixed"):
            state = state_of(size, precision)
            seconds(state, 0, WARM_UP)
            for what, ways in PAIRS.items():
                turns = [turn(state, ways, number) for number in range(TURNS)]
                ratios = [first / second for first, second in turns]
                medians = [1e3 * median(each) for each in zip(*turns, strict=True)]
                numbers = (*medians, min(ratios), max(ratios), busy(state), torch.cuda.max_memory_allocated() >> 20)
                gpu = torch.cuda.get_device_name()
                rows.append([gpu, torch.__version__, size, precision, what, TURNS, *(round(one, 3) for one in numbers)])
            torch.cuda.reset_peak_memory_stats()
    with out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["gpu", "torch", "size", "precision", "ways", "turns", *NUMBERS])
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
