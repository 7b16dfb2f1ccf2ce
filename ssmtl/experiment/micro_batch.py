"""How many rows pass through the network at a time."""

import torch

from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.memory import bytes_per_row
from ssmtl.model.coupled_rows import couples_rows

PIXELS = 3 * 2**16
"""Pixels of one pass on a CPU: 48 rows of 64 × 64, 3 of 256 × 256. More take memory, and leave the cache."""

PART_OF_DEVICE = 0.5
"""Of a GPU's memory, for the activations of one pass."""


def rows_of_a_pass(experiment: Experiment, device: torch.device) -> int | None:
    """The most rows of one pass, by the recipe's `train.micro_batch`; None: all rows of all tasks in one."""
    wanted = experiment.recipe.train.micro_batch
    if wanted == "off" or (wanted == "auto" and couples_rows(experiment.model)):
        return None
    if isinstance(wanted, int):
        return wanted
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory * PART_OF_DEVICE
        rows = max(1, int(memory // bytes_per_row(experiment)))
    else:
        _, height, width = experiment.recipe.image.shape
        rows = max(1, PIXELS // (height * width))
    return None if rows >= experiment.rows else rows
