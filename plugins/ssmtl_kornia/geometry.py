"""Geometric operations: each is an affine map about the centre of the image, so that one warp applies them all.

At level 1 they reach the end of the range in FixMatch's list of transformations (Sohn et al., NeurIPS 2020, appendix),
which is MultiMix's pool: 30 degrees, a shear of 0.3, 30 % of the side. Level -1 is the opposite direction.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

AT_LEVEL_ONE: Mapping[str, tuple[float, float, float, float, float]] = {
    "rotate": (30.0, 0.0, 0.0, 0.0, 0.0),
    "shear_x": (0.0, 0.3, 0.0, 0.0, 0.0),
    "shear_y": (0.0, 0.0, 0.3, 0.0, 0.0),
    "translate_x": (0.0, 0.0, 0.0, 0.3, 0.0),
    "translate_y": (0.0, 0.0, 0.0, 0.0, 0.3),
}
"""Degrees clockwise; shear along x (right going up) and y (up going right); shifts in image widths and heights."""


def matrices(amounts: Tensor, height: int, width: int) -> Tensor:
    """From amounts (rows, 5), laid out as in `AT_LEVEL_ONE`, to affine maps (rows, 2, 3) of pixels (x, y)."""
    from kornia.geometry.transform import get_affine_matrix2d

    degrees, shear_x, shear_y, shift_x, shift_y = amounts.unbind(dim=1)
    centre = amounts.new_tensor([[(width - 1) / 2, (height - 1) / 2]]).expand(len(amounts), 2)
    shift = torch.stack([shift_x * width, shift_y * height], dim=1)
    unscaled = torch.ones_like(shift)
    maps = get_affine_matrix2d(shift, centre, unscaled, degrees, torch.atan(shear_x), torch.atan(shear_y))
    return maps[:, :2]


def warp(images: Tensor, maps: Tensor, mode: Literal["bilinear", "nearest"]) -> Tensor:
    """Images or masks (rows, channels, height, width), warped. Pixels from outside are 0: black, and no structure."""
    from kornia.geometry.transform import warp_affine

    height, width = images.shape[-2:]
    return warp_affine(images, maps, (height, width), mode=mode, padding_mode="zeros").clamp(0, 1)
