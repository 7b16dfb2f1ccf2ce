"""Training images that augmentations mix others with: drawn once, from the training parts of all tasks."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from ssmtl.contracts.augmentation import ReferencedAugmentation, References
from ssmtl.contracts.random_stream import RandomStream
from ssmtl.data.joined_rows import JoinedRows
from ssmtl.data.rows import Rows
from ssmtl.data.task_data import TaskData
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.in_turn import steps_of
from ssmtl.experiment.task import Task


def tell_augmentations(experiment: Experiment, data: Mapping[str, TaskData], device: torch.device) -> None:
    """Give each augmentation that asks for them its references. :param data: by task. :param device: that trains."""
    for task in experiment.tasks:
        for augmentation in asking(task):
            drawn = {
                source: _drawn(pools, augmentation.references, experiment.recipe.seed)
                for source, pools in _training_parts(experiment, data).items()
            }
            augmentation.begin(_of_sources(drawn, task, device))


def tell_made_up(experiment: Experiment, task: Task) -> None:
    """Likewise, with one grey image of each source that a task trains on."""
    grey = torch.full((1, *experiment.recipe.image.shape), 128, dtype=torch.uint8)
    specs = experiment.recipe.tasks.values()
    sources = {source: grey for spec in specs for source in (spec.source, *spec.other_sources)}
    for augmentation in asking(task):
        augmentation.begin(_of_sources(sources, task, grey.device))


def asking(task: Task) -> Iterable[ReferencedAugmentation]:
    """The task's augmentations that want references."""
    every = (step for augmentation in task.augment.values() for step in steps_of(augmentation))
    return (one for one in every if isinstance(one, ReferencedAugmentation))


def _training_parts(experiment: Experiment, data: Mapping[str, TaskData]) -> dict[str, list[Rows]]:
    """By source, the labelled and unlabelled images of every task that trains on it."""
    parts: dict[str, list[Rows]] = {}
    for name, spec in experiment.recipe.tasks.items():
        pool = data[name].unlabeled
        for source, rows in pool.of.items() if isinstance(pool, JoinedRows) else [(spec.source, pool)]:
            parts.setdefault(source, []).append(rows)
        parts.setdefault(spec.source, []).append(data[name].labeled)
    return {source: pools for source, pools in parts.items() if any(map(len, pools))}


def _drawn(pools: Iterable[Rows], count: int, seed: int) -> Tensor:
    """The images whose random number is lowest; which they are does not depend on how the pools divide them."""
    own = {int(key): (rows, place) for rows in pools for place, key in enumerate(rows.keys)}
    keys = np.array(sorted(own), dtype=np.uint64)
    numbers = RandomStream.of(keys, seed, "references").uniform("order")[:, 0].numpy()
    chosen = [own[int(key)] for key in keys[np.lexsort((keys, numbers))[:count]]]
    return torch.cat([rows.images(np.array([place])) for rows, place in chosen])


def _of_sources(images: Mapping[str, Tensor], task: Task, device: torch.device) -> References:
    """:param images: by source."""
    foreign = [torch.full((len(some),), source != task.spec.source) for source, some in images.items()]
    return References(torch.cat([*images.values()]).to(device), torch.cat(foreign).to(device))
