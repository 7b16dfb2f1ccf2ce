"""How long a suite will take, from one timed step per system."""

import time
from collections.abc import Callable, Sequence

import torch

from ssmtl.contracts.folders import Folders
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.prepare import prepare
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.fabric import make_fabric
from ssmtl.suite.cell import Cell
from ssmtl.training.engine import training_step
from ssmtl.training.train_state import make_train_state


def seconds_per_step(
    cells: Sequence[Cell], plugins: Plugins, folders: Folders, threads: int, announce: Callable[[str], None]
) -> dict[tuple[str, str], float]:
    """By (system, sources): seconds of the second step of its first cell, on this machine. Decodes data if necessary.

    :param announce: called with each system before it is timed.
    """
    torch.set_num_threads(threads)
    seconds: dict[tuple[str, str], float] = {}
    for cell in cells:
        if (cell.system, cell.sources) in seconds:
            continue
        announce(cell.system)
        experiment = assemble(cell.recipe, plugins, cell.name)
        fabric = make_fabric(cell.recipe)
        state = make_train_state(fabric, experiment, prepare(experiment, plugins, folders).tasks)
        with attributed(experiment, "in the timed steps", otherwise="the training step"):
            training_step(state, 0)
            began = time.perf_counter()
            training_step(state, 1)
        seconds[cell.system, cell.sources] = time.perf_counter() - began
    return seconds


def hours(cells: Sequence[Cell], steps: dict[tuple[str, str], float], jobs: int) -> float:
    """Hours of training steps alone, without startup, validation and final evaluation."""
    return sum(cell.recipe.train.steps * steps[cell.system, cell.sources] for cell in cells) / jobs / 3600
