"""Signed distances to the edge of a mask, without leaving the device."""

import torch
from torch import Tensor

from ssmtl import Masks


def signed_distances(masks: Masks) -> Masks:
    """From −1 to 1: below 0 inside, above 0 outside.

    The Euclidean distance to the nearest pixel of the other side, divided by its largest value on its own side of the
    same mask. Without another side it is −1 or 1 everywhere.

    :param masks: 0 or 1; a mask with an unknown pixel (NaN) is unknown as a whole.
    """
    inside = masks >= 0.5
    whole = inside.flatten(2).all(2)[:, :, None, None], (~inside).flatten(2).all(2)[:, :, None, None]
    outward, inward = (_relative(squared_distances(side)) for side in (inside, ~inside))
    signed = torch.where(inside, -inward, outward).masked_fill(whole[0], -1.0).masked_fill(whole[1], 1.0)
    return signed.masked_fill(masks.isnan().flatten(2).any(2)[:, :, None, None], torch.nan)


def _relative(squares: Tensor) -> Tensor:
    distances = squares.sqrt()
    return distances / distances.amax((2, 3), keepdim=True).clamp(min=1)


def squared_distances(sites: Tensor) -> Tensor:
    """From each pixel's centre to the nearest true one, in pixels squared, exactly; a large number if there is none.

    Axis by axis, since the squares of both add up: min over columns of the min over rows.

    :param sites: bool, shape (rows, structures, height, width).
    """
    far = float(sum(sites.shape[-2:]) ** 2)
    squares = torch.where(sites, 0.0, far)
    for axis in (2, 3):
        places = torch.arange(squares.shape[axis], device=squares.device, dtype=squares.dtype)
        along = places[:, None] if axis == 2 else places
        nearest = torch.full_like(squares, far)
        for place in range(squares.shape[axis]):
            nearest = torch.minimum(nearest, squares.narrow(axis, place, 1) + (along - place).square())
        squares = nearest
    return squares
