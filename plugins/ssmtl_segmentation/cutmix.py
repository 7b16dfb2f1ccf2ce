"""CutMix's rectangles."""

import torch
from jaxtyping import Bool
from torch import Tensor

from ssmtl import RandomStream


def boxes(stream: RandomStream, height: int, width: int) -> Bool[Tensor, "rows 1 {height} {width}"]:
    """One rectangle per row, inside which it is true: 2 to 40 % of the area, with an aspect ratio of 0.3 to 3.3.

    As UniMatch draws them (French et al., "Semi-supervised semantic segmentation needs strong, varied perturbations",
    BMVC 2020, introduced CutMix to segmentation).
    """
    area, ratio, top, left = stream.uniform("cutmix box", 4).unbind(1)
    area, ratio = (0.02 + 0.38 * area) * height * width, torch.exp((2 * ratio - 1) * torch.log(torch.tensor(1 / 0.3)))
    tall = (area * ratio).sqrt().clamp(max=height)
    wide = (area / ratio).sqrt().clamp(max=width)
    return rectangles(top, left, tall, wide, height, width)


def halves(stream: RandomStream, height: int, width: int) -> Bool[Tensor, "rows 1 {height} {width}"]:
    """One rectangle per row, of half of the area: the share of the height is 2^−u, with u uniform from 0 to 1.

    As in French et al., "Semi-supervised semantic segmentation needs strong, varied perturbations", BMVC 2020.
    """
    share, top, left = stream.uniform("cutmix half", 3).unbind(1)
    tall = 0.5**share
    return rectangles(top, left, tall * height, 0.5 / tall * width, height, width)


def rectangles(
    top: Tensor, left: Tensor, tall: Tensor, wide: Tensor, height: int, width: int
) -> Bool[Tensor, "rows 1 {height} {width}"]:
    """True inside one rectangle per row.

    :param top, left: shape (rows,), from 0, at that edge, to 1, at the other one. :param tall, wide: in pixels.
    """
    first, start = top * (height - tall), left * (width - wide)
    rows = torch.arange(height, device=top.device)[None, :] + 0.5
    columns = torch.arange(width, device=top.device)[None, :] + 0.5
    down = (rows >= first[:, None]) & (rows < (first + tall)[:, None])
    across = (columns >= start[:, None]) & (columns < (start + wide)[:, None])
    return (down[:, :, None] & across[:, None, :])[:, None]


def of_some(
    inside: Bool[Tensor, "rows 1 height width"], stream: RandomStream, name: str, chance: float
) -> Bool[Tensor, "rows 1 height width"]:
    """The rectangles of rows that are chosen with this probability; nowhere true in the other rows."""
    return inside & (stream.uniform(name) < chance)[:, :, None, None]


def mixed(images: Tensor, inside: Bool[Tensor, "rows 1 height width"]) -> Tensor:
    """Each row's images, or masks, with those of the row before it inside its rectangle."""
    return torch.where(inside, images.roll(1, 0), images)
