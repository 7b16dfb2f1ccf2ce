"""Operations on grey levels.

Each takes images (rows, channels, height, width) in [0, 1], with any number of channels, and strengths (rows,) in
[0, 1], and returns new images in [0, 1]. At strength 0 all but `autocontrast` and `equalize`, which have no strength,
leave 8-bit images unchanged; at strength 1 they reach the far end of the range in FixMatch's list of transformations
(Sohn et al., NeurIPS 2020, appendix). Strength 0 is always "unchanged", so that strengths are comparable.

A row's result must not depend on the rest of the batch, to the last bit: an operation that rounds to grey levels would
turn a difference of 1e-8 into a whole level. Two of kornia's functions fail this and are reimplemented here.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Images


def autocontrast(images: Images, _: Tensor) -> Images:
    """Stretch each channel to the full range [0, 1]; a flat channel stays unchanged, as in PIL."""
    from kornia import enhance

    flat = images.amax((-2, -1), keepdim=True) == images.amin((-2, -1), keepdim=True)
    return torch.where(flat, images, enhance.normalize_min_max(images).clamp(0, 1))


def brightness(images: Images, strength: Tensor) -> Images:
    """Blend with black; factor from 1 down to 0.05."""
    from kornia import enhance

    return enhance.adjust_brightness_accumulative(images, 1 - 0.95 * strength)


def contrast(images: Images, strength: Tensor) -> Images:
    """Blend with the image's mean grey level; factor from 1 down to 0.05.

    kornia's `adjust_contrast_with_mean_subtraction`, but averaged line by line: kornia's mean over all pixels is split
    over threads in a way that depends on the number of rows, and its versions 0.8 and 0.9 differ on grey images.
    """
    from kornia.color import rgb_to_grayscale

    grey = rgb_to_grayscale(images) if images.shape[1] == 3 else images.mean(1, keepdim=True)
    mean = grey.mean(-1, keepdim=True).mean(-2, keepdim=True)
    return _blend(mean, images, 1 - 0.95 * strength)


def equalize(images: Images, _: Tensor) -> Images:
    """Equalise each channel's histogram of 256 levels. Images below about 257 pixels stay unchanged, as in PIL."""
    from kornia import enhance

    return enhance.equalize(_grey_levels(images))


def posterize(images: Images, strength: Tensor) -> Images:
    """Keep the highest 8 down to 4 bits of each grey level."""
    from kornia import enhance

    dropped = (5 * strength).long().clamp(max=4)
    return enhance.posterize(_grey_levels(images), 8 - dropped)


def sharpness(images: Images, strength: Tensor) -> Images:
    """Blend with a blurred copy, which keeps the border pixels; factor from 1 (unchanged) down to 0.05.

    The 3 x 3 kernel of PIL and kornia (ones, 5 in the middle, divided by 13) by average pooling: kornia's convolution
    rounds differently for different batch sizes, and is 3 to 5 times slower on a CPU.
    """
    middle = images[..., 1:-1, 1:-1]
    blurred = images.clone()
    blurred[..., 1:-1, 1:-1] = (9 * F.avg_pool2d(images, 3, stride=1) + 4 * middle) / 13
    return _blend(blurred, images, 1 - 0.95 * strength)


def solarize(images: Images, strength: Tensor) -> Images:
    """Invert the grey levels at or above a threshold; from 256 (none) down to 0 (all), of 255."""
    from kornia import enhance

    return enhance.solarize(images, (1 - strength) * (256 / 255))


def _blend(degenerate: Tensor, images: Images, factor: Tensor) -> Images:
    return (degenerate + factor[:, None, None, None] * (images - degenerate)).clamp(0, 1)


def _grey_levels(images: Images) -> Images:
    """The nearest of 256 levels: kornia truncates, so a value that rounding left slightly too low loses a level."""
    return (images * 255).round() / 255
