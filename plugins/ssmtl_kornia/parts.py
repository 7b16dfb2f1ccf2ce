"""Batches in parts: on a CPU, the intermediate images of one part stay in its cache."""

from collections.abc import Callable

import torch

from ssmtl import Images, Masks, RandomStream

VALUES = 2**20
"""Of the images of one part on a CPU; other devices take a batch at once. A matter of speed and memory only."""


def by_parts(
    augment: Callable[[Images, Masks | None, RandomStream], tuple[Images, Masks | None]],
    images: Images,
    masks: Masks | None,
    stream: RandomStream,
) -> tuple[Images, Masks | None]:
    """What `augment` makes of the rows, some rows at a time; it must not make one row depend on the others."""
    each = max(VALUES // max(images[:1].numel(), 1), 1)
    if len(images) <= each or images.device.type != "cpu":
        return augment(images, masks, stream)
    made, moved = torch.empty_like(images), None if masks is None else torch.empty_like(masks)
    for start in range(0, len(images), each):
        part = slice(start, start + each)
        made[part], warped = augment(images[part], None if masks is None else masks[part], stream[part])
        if moved is not None and warped is not None:
            moved[part] = warped
    return made, moved
