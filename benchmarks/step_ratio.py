"""How much longer a training step takes with a setting than without, timed in pairs of consecutive steps:

    python benchmarks/step_ratio.py multimix train.ema=0.99 --pairs 30 --out ratio.csv

One row per pair; on a busy machine the ratio of a pair is more reliable than either time.
"""

import argparse
import csv
import statistics
import time
from pathlib import Path

import torch
from lightning_fabric import Fabric

from ssmtl.contracts.folders import Folders
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.training.engine import training_step
from ssmtl.training.train_state import TrainState, make_train_state

WARM_UP = 2


def state_of(recipe: str, overrides: list[str]) -> TrainState:
    """A state ready to train on this machine's CPU, with the phantom as data."""
    plugins = load_plugins()
    experiment = assemble(read(recipe, plugins["recipe"], overrides=overrides).validated(), plugins)
    prepared = prepare(experiment, plugins, Folders())
    return make_train_state(Fabric(accelerator="cpu", devices=1), experiment, prepared.tasks)


def seconds_of(state: TrainState, step: int) -> float:
    """Seconds of one step."""
    began = time.perf_counter()
    training_step(state, step)
    return time.perf_counter() - began


def main() -> None:
    """Time, print the median ratio, write the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("setting")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    without, with_it = state_of(options.recipe, []), state_of(options.recipe, [options.setting])
    pairs = []
    for step in range(WARM_UP + options.pairs):
        first, second = (without, with_it) if step % 2 else (with_it, without)
        times = {id(one): seconds_of(one, step) for one in (first, second)}
        if step >= WARM_UP:
            pairs.append((times[id(without)], times[id(with_it)]))
    ratios = [after / before for before, after in pairs]
    quarters = statistics.quantiles(ratios, n=4)
    print(f"{options.setting}: {statistics.median(ratios):.3f} times, quartiles {quarters[0]:.3f} to {quarters[2]:.3f}")
    if options.out is not None:
        with options.out.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["setting", "pair", "seconds_without", "seconds_with", "ratio"])
            for number, (before, after) in enumerate(pairs):
                writer.writerow([options.setting, number, f"{before:.4f}", f"{after:.4f}", f"{after / before:.4f}"])


if __name__ == "__main__":
    main()
