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
    first, start = top * (height - tall), left * (width - wide)
    rows = torch.arange(height, device=area.device)[None, :] + 0.5
    columns = torch.arange(width, device=area.device)[None, :] + 0.5
    down = (rows >= first[:, None]) & (rows < (first + tall)[:, None])
    across = (columns >= start[:, None]) & (columns < (start + wide)[:, None])
    return (down[:, :, None] & across[:, None, :])[:, None]
