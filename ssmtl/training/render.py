"""Render: the rows of one task in one step, every requested view once, on the device."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssmtl.contracts.augmentation import Augmentation
from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.shapes import Images, Masks
from ssmtl.contracts.upload import upload
from ssmtl.contracts.view import Batch, View
from ssmtl.data.joined_rows import Pool
from ssmtl.data.mask_values import UNKNOWN
from ssmtl.data.sampler import sample_keys
from ssmtl.data.task_data import TaskData
from ssmtl.experiment.task import Task

Number = TypeVar("Number", np.int64, np.uint64)


@dataclass(frozen=True)
class Shard:
    """One process's part of every batch: number `rank` (from 0) of `world` equal, contiguous parts."""

    rank: int = 0
    world: int = 1

    def of(self, rows: NDArray[Number]) -> NDArray[Number]:
        """This process's part of the rows."""
        each = len(rows) // self.world
        return rows[self.rank * each : (self.rank + 1) * each]


@torch.no_grad()
def render(
    task: Task, data: TaskData, seed: int, step: int, device: torch.device, shard: Shard
) -> tuple[Batch, Mapping[View, Tensor]]:
    """The batch with every view of the task, and the true classes of its unlabelled rows, for diagnostics only.

    Which rows, and how each is augmented, is a pure function of (seed, task, sample, repetition, step, view).
    """
    images, targets, streams, samples, moves, truth = {}, {}, {}, {}, {}, {}
    for pool in sorted({view.pool for view in task.views}):
        rows: Pool = getattr(data, pool)
        whole = rows.at(step, task.rows(pool), seed, task.name, pool)
        chosen, keys = shard.of(whole), shard.of(sample_keys(whole, rows.keys))
        places = upload(torch.from_numpy(chosen), device)
        originals = upload(rows.images(chosen), device).float().div_(255)
        masked = task.output.kind == "masks"
        known = rows.target(chosen) if pool == "labeled" or rows.targets is not None else None
        masks = _channels(known) if masked and known is not None else None
        inside = rows.inside(chosen)
        if inside is not None:
            masks = inside.float() if masks is None else torch.cat([masks, inside], 1)
        masks = None if masks is None else upload(masks, device)
        known = None if known is None else upload(known, device)
        for view in (view for view in task.views if view.pool == pool):
            samples[view] = places
            streams[view] = RandomStream.of(keys, seed, task.name, step, str(view), device=device)
            augment = task.augment[view.augment]
            images[view], warped = augment(originals, masks, streams[view])
            if task.output.kind == "masks":
                moves[view] = partial(_moved, augment, originals, streams[view])
            if inside is not None:
                assert warped is not None
                images[view] = images[view] * (warped[:, -1:] > 0.5)
                warped = warped[:, :-1]
            if pool == "unlabeled":
                if known is not None:
                    truth[view] = known
            elif masked:
                assert warped is not None
                targets[view] = _references(warped, len(task.output.classes))
            else:
                assert known is not None
                targets[view] = known
    return Batch(images, targets, streams, samples, moves), truth


def _moved(augment: Augmentation, originals: Images, stream: RandomStream, masks: Masks) -> Masks:
    """Masks of the original images, moved as the view's are."""
    _, moved = augment(originals, masks, stream)
    assert moved is not None
    return moved


def _channels(masks: Tensor) -> Tensor:
    """Masks of 0 and 1 as floats; if something is unknown, a channel more for each structure: 1 where it is unknown."""
    unknown = masks == UNKNOWN
    return torch.cat([masks.masked_fill(unknown, 0), unknown], 1).float() if unknown.numpy().any() else masks.float()


def _references(warped: Tensor, structures: int) -> Tensor:
    """The augmented masks, NaN where nothing is known."""
    masks, unknown = warped[:, :structures], warped[:, structures:]
    return masks.masked_fill(unknown > 0.5, torch.nan) if unknown.shape[1] else warped
