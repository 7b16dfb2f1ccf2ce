"""The pool of operations, and one step that applies one of them to each sample."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from torch import Tensor

from ssmtl import Images, Masks
from ssmtl_kornia import geometry, intensity

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


def step(
    images: Images, masks: Masks | None, names: Sequence[Operation], levels: Tensor
) -> tuple[Images, Masks | None]:
    """Apply operation `names[i]` to sample i: the samples of one operation are gathered, changed and put back.

    :param levels: (rows,) in [-1, 1]; the sign is the direction of a geometric operation and has no effect on others.
    :returns: new images in [0, 1] and new masks in {0, 1}; images are warped bilinearly, masks with the nearest pixel.
    """
    images = images.clone()
    for name, operation in INTENSITY.items():
        rows = [row for row, chosen in enumerate(names) if chosen == name]
        if rows:
            images[rows] = operation(images[rows], levels[rows].abs())
    rows = [row for row, chosen in enumerate(names) if chosen in geometry.AT_LEVEL_ONE]
    if not rows:
        return images, masks
    amounts = levels.new_tensor([geometry.AT_LEVEL_ONE[names[row]] for row in rows]) * levels[rows, None]
    maps = geometry.matrices(amounts, *images.shape[-2:])
    images[rows] = geometry.warp(images[rows], maps, "bilinear")
    if masks is not None:
        masks = masks.clone()
        masks[rows] = geometry.warp(masks[rows], maps, "nearest")
    return images, masks
