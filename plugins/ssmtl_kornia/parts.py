"""Batches in parts: on a CPU, the intermediate images of one part stay in its cache."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ssmtl import Images, Masks, RandomStream

FEW, MANY = 2**18, 2**20
"""Values of the images of one part: of one operation, and of all. A matter of speed and memory only."""


def parts(images: Tensor, values: int) -> Iterator[slice]:
    """Slices of the rows of images (rows, channels, height, width), all of them at once on any device but a CPU."""
    each = max(values // max(images[:1].numel(), 1), 1) if images.device.type == "cpu" else max(len(images), 1)
    return (slice(start, start + each) for start in range(0, len(images), each))


def by_parts(
    augment: Callable[[Images, Masks | None, RandomStream], tuple[Images, Masks | None]],
    images: Images,
    masks: Masks | None,
    stream: RandomStream,
    values: int,
) -> tuple[Images, Masks | None]:
    """What `augment` makes of the rows, some rows at a time; it must not make one row depend on the others."""
    made, moved = torch.empty_like(images), None if masks is None else torch.empty_like(masks)
    for part in parts(images, values):
        made[part], warped = augment(images[part], None if masks is None else masks[part], stream[part])
        if moved is not None and warped is not None:
            moved[part] = warped
    return made, moved
