"""What each method's training step costs, beside the step of the recipe that it extends.

    python benchmarks/cost/methods_cost.py --pairs 20            # all recipes of recipes/methods
    python benchmarks/cost/methods_cost.py --only flexmatch cps  # some of them; the other rows stay
    python benchmarks/cost/methods_cost.py --only-counts         # passes and state anew, the times stay

Every recipe of `recipes/methods` changes `enc`, `unet` or `umtl`, which are supervised. Both take steps in turns in one
process of one thread; the first two pairs do not count. The ratio is that of the processor times of the two steps,
which what else runs on the machine hardly changes: its median over pairs, with a 95 % interval by order statistics;
`wall` is the median of the ratios by the clock. Rows and bytes are those of a step or of a state, less those of the
supervised recipe, counted and not timed.
"""

import argparse
import csv
import inspect
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from statistics import median

import torch
import yaml
from lightning_fabric import Fabric
from scipy.special import bdtr

from ssmtl import Folders
from ssmtl.cost.measured_methods import KINDS, MEASURED, MeasuredMethod, read_measured
from ssmtl.cost.rows_through import RowsThrough, rows_counted
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.allocator import keep_pages
from ssmtl.training.engine import training_step
from ssmtl.training.train_state import TrainState, make_train_state

PLUGINS = load_plugins()

WARM_UP = 2
"""Pairs that are not counted."""

IMAGES = {"chex": 60, "jsrt": 40, "nihx": 12, "mcu": 12}
SETTINGS = (
    "image.size=32", "backbone.widths=[16, 32, 32, 64, 64]", "train.device=cpu",
    *(f"sources.{name}={{use: phantom, domain: {name}, images: {n}, size: 32}}" for name, n in IMAGES.items()),
)  # fmt: skip
BUDGETS = {"diagnosis": "tasks.diagnosis.labeled=20", "lungs": "tasks.lungs.labeled=10"}
SUPERVISED = {("strategy", "cross_entropy"): "enc", ("strategy", "soft_dice"): "unet", ("balancer", "fixed"): "umtl"}
"""What the recipes have that are extended: their cost is 1."""

MACHINE = "two cores, one thread"


def state_of(name: str) -> TrainState:
    """Of a shipped recipe, small, before the first step."""
    tasks = read(name, PLUGINS["recipe"]).content["tasks"]
    text = read(name, PLUGINS["recipe"], overrides=[*SETTINGS, *(BUDGETS[task] for task in tasks)])
    experiment = assemble(text.validated(), PLUGINS, text.place)
    data = prepare(experiment, PLUGINS, Folders())
    return make_train_state(Fabric(accelerator="cpu", devices=1), experiment, data.tasks)


def base_of(name: str) -> str:
    """The recipe that it extends."""
    base = yaml.safe_load(PLUGINS["recipe"][name].make.read_text(encoding="utf-8"))["extends"]
    assert isinstance(base, str)
    return base


def bytes_of(state: TrainState) -> tuple[int, int, int]:
    """Of buffers, of trained parameters and of moving averages."""
    modules = (state.experiment.model, state.outside)
    buffers = chain.from_iterable(module.buffers() for module in modules)
    averages = chain.from_iterable(one.model.parameters() for one in state.averages())
    kinds = (buffers, state.parameters(), averages)
    found = [sum(one.numel() * one.element_size() for one in kind) for kind in kinds]
    return found[0], found[1], found[2]


def rows_of(state: TrainState, step: int) -> RowsThrough:
    with rows_counted() as rows:
        training_step(state, step)
    return rows


def difference(ours: RowsThrough, theirs: RowsThrough) -> dict[str, int]:
    return {f"rows_{name}": value - getattr(theirs, name) for name, value in asdict(ours).items()}


def timed(state: TrainState, step: int) -> tuple[float, float]:
    """Processor seconds, seconds by the clock."""
    used, began = time.process_time(), time.perf_counter()
    training_step(state, step)
    return time.process_time() - used, time.perf_counter() - began


def interval(values: list[float]) -> tuple[float, float]:
    """At least 95 % for the median, by order statistics; the whole range if there are fewer than 6."""
    place = max(sum(bdtr(below, len(values), 0.5) < 0.025 for below in range(len(values))) - 1, 0)
    ordered = sorted(values)
    return ordered[place], ordered[-1 - place]


def counted(state: TrainState, base: TrainState) -> dict[str, float | int | str]:
    """What is exact: rows and bytes, beside those of the supervised recipe."""
    batch = {task.spec.batch for task in state.experiment.tasks}
    assert len(batch) == 1
    more = [ours - theirs for ours, theirs in zip(bytes_of(state), bytes_of(base), strict=True)]
    kept = dict(zip(("bytes_buffers", "bytes_parameters", "bytes_averages"), more, strict=True))
    return {"batch": batch.pop(), **difference(rows_of(state, 1), rows_of(base, 1)), **kept}


def times(state: TrainState, base: TrainState, pairs: int) -> dict[str, float | int | str]:
    found = []
    for step in range(WARM_UP + pairs):
        theirs, ours = timed(base, step), timed(state, step)
        if step >= WARM_UP:
            found.append((ours[0] / theirs[0], ours[1] / theirs[1], theirs[0]))
    ratios = [one[0] for one in found]
    low, high = interval(ratios)
    return {
        "pairs": pairs, "ratio": round(median(ratios), 3), "low": round(low, 3), "high": round(high, 3),
        "wall": round(median(one[1] for one in found), 3),
        "base_seconds": round(median(one[2] for one in found), 4),
    }  # fmt: skip


def names() -> list[str]:
    return [name.removeprefix("methods/") for name in PLUGINS["recipe"] if name.startswith("methods/")]


def kind_of(name: str) -> str:
    return next(kind for kind in KINDS if name in PLUGINS[kind])


def measured(wanted: list[str], pairs: int, *, time_too: bool) -> Iterator[MeasuredMethod]:
    before = {(one.kind, one.name): one for one in read_measured()}
    for name in wanted:
        kind = kind_of(name)
        known = before.get((kind, name))
        base = base_of(f"methods/{name}")
        state, supervised = state_of(f"methods/{name}"), state_of(base)
        exact = counted(state, supervised)
        cost = times(state, supervised, pairs) if time_too or known is None else known.times()
        own = {"kind": kind, "name": name, "base": base, "torch": torch.__version__, "machine": MACHINE}
        row = MeasuredMethod(**{**own, **cost, **exact})  # type: ignore[arg-type]
        print(row, flush=True)
        yield row


def supervised(kind: str, name: str, base: str) -> MeasuredMethod:
    zeros = dict.fromkeys(inspect.get_annotations(MeasuredMethod), 0)
    ones = dict.fromkeys(("ratio", "low", "high", "wall"), 1.0)
    own = {"kind": kind, "name": name, "base": base, "batch": 10, "torch": torch.__version__, "machine": MACHINE}
    return MeasuredMethod(**{**zeros, **ones, **own})  # type: ignore[arg-type]


def write(rows: dict[tuple[str, str], MeasuredMethod]) -> None:
    with MEASURED.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(asdict(next(iter(rows.values())))), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(rows[key]) for key in sorted(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=names(), choices=names(), metavar="NAME")
    parser.add_argument("--only-counts", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    keep_pages()  # as `ssmtl run` does; without it, times depend on where pages are returned
    rows = {key: supervised(*key, base) for key, base in SUPERVISED.items()}
    rows |= {(one.kind, one.name): one for one in read_measured() if (one.kind, one.name) not in SUPERVISED}
    for row in measured(asked.only, asked.pairs, time_too=not asked.only_counts):
        rows[row.kind, row.name] = row
        write(rows)


if __name__ == "__main__":
    main()
