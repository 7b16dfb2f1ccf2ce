"""Geometric operations: each is an affine map about the centre of the image, so that one warp applies them all.

At level 1 they reach the end of the range in FixMatch's list of transformations (Sohn et al., NeurIPS 2020, appendix),
which is MultiMix's pool: 30 degrees, a shear of 0.3, 30 % of the side. Level -1 is the opposite direction.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

AT_LEVEL_ONE: Mapping[str, tuple[float, float, float, float, float]] = {
    "rotate": (30.0, 0.0, 0.0, 0.0, 0.0),
    "shear_x": (0.0, 0.3, 0.0, 0.0, 0.0),
    "shear_y": (0.0, 0.0, 0.3, 0.0, 0.0),
    "translate_x": (0.0, 0.0, 0.0, 0.3, 0.0),
    "translate_y": (0.0, 0.0, 0.0, 0.0, 0.3),
}
"""Degrees clockwise; shear along x (right going up) and y (up going right); shifts in image widths and heights."""


def sources(amounts: Tensor, height: int, width: int) -> Float[Tensor, "rows 2 3"]:
    """From where each pixel comes: affine maps of (x, y, 1), with x and y from -1 to 1 over the centres of the pixels.

    :param amounts: (rows, 5), laid out as in `AT_LEVEL_ONE`; at most one of each row is not 0.
    """
    degrees, shear_x, shear_y, shift_x, shift_y = amounts.double().unbind(dim=1)
    turn = torch.deg2rad(degrees)
    across, down = max(width - 1, 1), max(height - 1, 1)
    return (
        torch.stack(
            [
                torch.cos(turn),
                (torch.sin(turn) + shear_x) * (down / across),
                -2 * shift_x * (width / across),
                (shear_y - torch.sin(turn)) * (across / down),
                torch.cos(turn),
                -2 * shift_y * (height / down),
            ],
            dim=1,
        )
        .view(-1, 2, 3)
        .float()
    )


def places(maps: Float[Tensor, "rows 2 3"], height: int, width: int) -> Float[Tensor, "rows height width 2"]:
    """The maps at every pixel."""
    x = torch.linspace(-1, 1, width, device=maps.device) if width > 1 else maps.new_zeros(1)
    y = torch.linspace(-1, 1, height, device=maps.device) if height > 1 else maps.new_zeros(1)
    at_x, at_y = maps[:, :, 0, None] * x, maps[:, :, 1, None] * y + maps[:, :, 2, None]
    return (at_x[:, :, None] + at_y[..., None]).permute(0, 2, 3, 1)


def warp(images: Tensor, at: Float[Tensor, "rows height width 2"], mode: Literal["bilinear", "nearest"]) -> Tensor:
    """Images or masks (rows, channels, height, width), warped. Pixels from outside are 0: black, and no structure."""
    return F.grid_sample(images, at, mode, padding_mode="zeros", align_corners=True).clamp_(0, 1)
