"""The pool of operations, and one step that applies one of them to each sample."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Literal, get_args

import torch
from torch import Tensor

from ssmtl import Images, Masks
from ssmtl_kornia import geometry, intensity
from ssmtl_kornia.parts import FEW, parts

Operation = Literal[
    "autocontrast",
    "brightness",
    "contrast",
    "equalize",
    "identity",
    "posterize",
    "rotate",
    "sharpness",
    "shear_x",
    "shear_y",
    "solarize",
    "translate_x",
    "translate_y",
]
"""MultiMix's GAug pool, in the paper's order, without its flip and crop, which the weak part always does."""

INTENSITY: Mapping[str, Callable[[Images, Tensor], Images]] = {
    "autocontrast": intensity.autocontrast,
    "brightness": intensity.brightness,
    "contrast": intensity.contrast,
    "equalize": intensity.equalize,
    "posterize": intensity.posterize,
    "sharpness": intensity.sharpness,
    "solarize": intensity.solarize,
}
"""The operations that leave masks unchanged."""

WARP = "warp"
"""All geometric operations: one warp applies them."""


def pool_of(only: tuple[Operation, ...] | None, without: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The operations to choose from. :raises ValueError: if one is unknown, or none is left."""
    known: tuple[Operation, ...] = get_args(Operation)
    unknown = [name for name in (*(only or ()), *without) if name not in known]
    if unknown:
        raise ValueError(f"unknown operations {', '.join(map(repr, unknown))}; the known ones are {', '.join(known)}")
    pool = tuple(name for name in known if (only is None or name in only) and name not in without)
    if not pool:
        raise ValueError("'only' and 'without' leave no operation to choose from")
    return pool


def step(
    images: Images, masks: Masks | None, names: Sequence[Operation], levels: Tensor
) -> tuple[Images, Masks | None]:
    """Apply operation `names[i]` to sample i.

    :param levels: (rows,) in [-1, 1]; the sign is the direction of a geometric operation and has no effect on others.
    :returns: new images in [0, 1] and new masks in {0, 1}; images are warped bilinearly, masks with the nearest pixel.
    """
    images, masks = images.clone(), None if masks is None else masks.clone()
    change(images, masks, names, levels)
    return images, masks


def change(images: Images, masks: Masks | None, names: Sequence[Operation], levels: Tensor) -> None:
    """As `step`, in place: samples are sorted by operation, and each operation changes its own.

    :param levels: on the CPU, as the names are, so that no other device is waited for.
    """
    kinds = [WARP if name in geometry.AT_LEVEL_ONE else name for name in names]
    rows = sorted(range(len(names)), key=kinds.__getitem__)
    order = torch.tensor(rows, dtype=torch.int64)
    levels = levels[order]
    there, back, strengths = (
        numbers.to(images.device, non_blocking=True) for numbers in (order, order.argsort(), levels.abs())
    )
    ordered = images.index_select(0, there)
    end = 0
    for kind, some in groupby(rows, kinds.__getitem__):
        own = list(some)
        start, end = end, end + len(own)
        part = ordered[start:end]
        if kind in INTENSITY:
            part.copy_(INTENSITY[kind](part, strengths[start:end]))
        elif kind == WARP:
            amounts = torch.tensor([geometry.AT_LEVEL_ONE[names[row]] for row in own]) * levels[start:end, None]
            maps = geometry.sources(amounts, *images.shape[-2:]).to(images.device, non_blocking=True)
            _warp(part, masks, there[start:end], maps)
    torch.index_select(ordered, 0, back, out=images)


def _warp(images: Images, masks: Tensor | None, rows: Tensor, maps: Tensor) -> None:
    """Warp the images, and `rows` of the masks, in place."""
    for part in parts(images, FEW):
        at = geometry.places(maps[part], *images.shape[-2:])
        images[part] = geometry.warp(images[part], at, "bilinear")
        if masks is not None:
            masks.index_copy_(0, rows[part], geometry.warp(masks.index_select(0, rows[part]), at, "nearest"))
