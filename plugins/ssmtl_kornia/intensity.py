"""Operations on grey levels.

Each takes images (rows, channels, height, width) in [0, 1], with any number of channels, and strengths (rows,) in
[0, 1], and returns new images in [0, 1]. At strength 0 all but `autocontrast` and `equalize`, which have no strength,
leave 8-bit images unchanged; at strength 1 they reach the far end of the range in FixMatch's list of transformations
(Sohn et al., NeurIPS 2020, appendix). Strength 0 is always "unchanged", so that strengths are comparable.

A row's result must not depend on the rest of the batch, to the last bit: an operation that rounds to grey levels would
turn a difference of 1e-8 into a whole level. Each is a few passes over the pixels, without branches between them.
"""

import torch
from torch import Tensor

from ssmtl import Images

LEVELS = 256


def autocontrast(images: Images, _: Tensor) -> Images:
    """Stretch each channel to the full range [0, 1]; a flat channel stays unchanged, as in PIL."""
    low, high = images.amin((-2, -1), keepdim=True), images.amax((-2, -1), keepdim=True)
    flat = low == high
    return (images - low.masked_fill(flat, 0)).div_((high - low + 1e-6).masked_fill(flat, 1)).clamp_(0, 1)


def brightness(images: Images, strength: Tensor) -> Images:
    """Blend with black; factor from 1 down to 0.05."""
    return images * (1 - 0.95 * strength)[:, None, None, None]


def contrast(images: Images, strength: Tensor) -> Images:
    """Blend with the image's mean grey level; factor from 1 down to 0.05.

    Averaged line by line: a mean over all pixels is split over threads in a way that depends on the number of rows.
    """
    from kornia.color import rgb_to_grayscale

    grey = rgb_to_grayscale(images) if images.shape[1] == 3 else images.mean(1, keepdim=True)
    mean = grey.mean(-1, keepdim=True).mean(-2, keepdim=True)
    return _blend(mean, images, 1 - 0.95 * strength)


def equalize(images: Images, _: Tensor) -> Images:
    """Equalise each channel's histogram of 256 levels. Images below about 257 pixels stay unchanged, as in PIL.

    The table of new levels is PIL's: n levels lower or equal, and half a step, per step of (pixels - last count) / 255.
    """
    levels = _levels(images).flatten(2).long()
    counts = torch.zeros(*levels.shape[:2], LEVELS, dtype=torch.int32, device=images.device)
    counts.scatter_add_(2, levels, torch.ones((), dtype=torch.int32, device=images.device).expand_as(levels))
    last = levels.amax(2, keepdim=True)
    step = (levels.shape[2] - counts.gather(2, last)) // (LEVELS - 1)
    below = counts.cumsum(2) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=LEVELS - 1)
    table = torch.where(step == 0, torch.arange(LEVELS, device=images.device), table)
    return (table / (LEVELS - 1)).gather(2, levels).view(images.shape)


def posterize(images: Images, strength: Tensor) -> Images:
    """Keep the highest 8 down to 4 bits of each grey level."""
    size = 2.0 ** (5 * strength).floor().clamp(max=4)[:, None, None, None]
    return _levels(images).div_(size).floor_().mul_(size).div_(LEVELS - 1)


def sharpness(images: Images, strength: Tensor) -> Images:
    """Blend with a blurred copy, which keeps the border pixels; factor from 1 (unchanged) down to 0.05.

    The 3 x 3 kernel of PIL and kornia: ones, 5 in the middle, divided by 13. Sums along lines, then of lines.
    """
    lines = (images[..., :-2] + images[..., 1:-1]).add_(images[..., 2:])
    blurred = (lines[..., :-2, :] + lines[..., 1:-1, :]).add_(lines[..., 2:, :])
    middle = images[..., 1:-1, 1:-1]
    sharpened = images.clone()
    sharpened[..., 1:-1, 1:-1] = _blend(blurred.add_(middle, alpha=4).div_(13), middle, 1 - 0.95 * strength)
    return sharpened


def solarize(images: Images, strength: Tensor) -> Images:
    """Invert the grey levels at or above a threshold; from 256 (none) down to 0 (all), of 255."""
    threshold = ((1 - strength) * (LEVELS / (LEVELS - 1)))[:, None, None, None]
    return (images >= threshold).to(images.dtype).sub_(images).abs_()


def _blend(degenerate: Tensor, images: Images, factor: Tensor) -> Images:
    return (images - degenerate).mul_(factor[:, None, None, None]).add_(degenerate).clamp_(0, 1)


def _levels(images: Images) -> Images:
    """The nearest of the levels 0 to 255: truncating would lose one where rounding left a value slightly too low."""
    return (images * (LEVELS - 1)).round_()
