"""An estimate of the memory that a training step needs."""

import copy
from typing import Any

import torch

from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.begin import begin_heads
from ssmtl.experiment.experiment import Experiment

BYTES_PER_FLOAT = 4
"""Size of a float32."""


def bytes_per_row(experiment: Experiment) -> int:
    """Of the activations kept for the backward pass, roughly: outputs of every leaf module for one image."""
    elements = 0

    def count(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal elements
        if isinstance(output, torch.Tensor):
            elements += output.numel()

    image = experiment.recipe.image
    model = copy.deepcopy(experiment.model).eval()
    begin_heads(experiment, model)
    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(count)
    device = next(model.parameters()).device
    row = torch.full((1, *image.shape), 0.5, device=device)
    with torch.no_grad(), attributed(experiment, "while its memory was estimated", model):
        model({task.name: row for task in experiment.tasks})
    return elements * BYTES_PER_FLOAT // max(1, len(experiment.tasks))
