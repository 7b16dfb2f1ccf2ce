"""Batch normalisations that would get one value for each channel, which has no variance."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from ssmtl.errors import Problem
from ssmtl.experiment.experiment import Experiment
from ssmtl.model.coupled_rows import batch_norms


def single_values(trial: Experiment, rows: Mapping[str, int]) -> list[Problem]:
    """A problem for each task that trains a batch normalisation with one row of one pixel.

    :param trial: in evaluation mode. :param rows: by task, how many are encoded in a step.
    """
    problems = []
    for task in trial.tasks:
        model = trial.model
        own = [part[task.name] for part in (model.bridges, model.heads) if task.name in part]
        alone = {"the head or bridge": own} if rows[task.name] == 1 else {}
        if sum(rows[name] for name in _beside(trial, task.name)) == 1:
            alone = {"the backbone": [model.backbone], **alone}
        where = next((words for words, parts in alone.items() if _single_pixels(trial, task.name, parts)), None)
        if where is not None:
            what = f"batch normalisation in {where} would get 1 row of 1 pixel, which cannot be normalised"
            hint = "give the task more rows or the images a larger image.size, or set norm: group"
            problems.append(Problem(f"tasks.{task.name}.batch", what, hint))
    return problems


def _beside(trial: Experiment, task: str) -> Iterator[str]:
    """The tasks whose rows the backbone normalises together with this one's, itself among them."""
    specs = trial.recipe.tasks
    return (name for name in specs if trial.recipe.norm != "domain" or specs[name].source == specs[task].source)


@torch.no_grad()
def _single_pixels(trial: Experiment, task: str, parts: Sequence[nn.Module]) -> bool:
    """Whether some batch normalisation in these parts gets a single pixel of an image."""
    sizes: list[int] = []

    def seen(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        sizes.append(inputs[0].numel() // inputs[0].shape[1])

    hooks = [layer.register_forward_pre_hook(seen) for part in parts for layer in batch_norms(part)]
    try:
        if hooks:
            trial.model.logits(task, torch.full((1, *trial.recipe.image.shape), 0.5))
    finally:
        for hook in hooks:
            hook.remove()
    return 1 in sizes
