"""Structural similarity of masks."""

import functools
from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ssmtl import DataError, Output
from ssmtl_metrics.kinds import MASKS, Threshold, accepted
from ssmtl_metrics.masks import binary, named

WINDOW, SIGMA = 11, 1.5
"""Wang et al. 2004: a Gaussian window of 11 × 11 pixels with standard deviation 1.5."""

C1, C2 = 0.01**2, 0.03**2
"""Wang et al. 2004: constants that keep the fractions finite, for values in [0, 1]."""

CHUNK = 8
"""Number of masks processed at a time, so that the intermediate maps stay in the processor's cache."""


class SSIM:
    """Mean structural similarity (Wang et al. 2004, equation 13) to the reference, for values in [0, 1]; in [-1, 1].

    It is nearly blind to small structures, since background agrees with background: an empty prediction for a 30 × 30
    object in 256 × 256 pixels scores 0.98. Report it, but do not select by it. The policy for empty masks does not
    apply, as SSIM is defined for them: two empty masks give 1. The values equal those of torchmetrics (a window at
    every pixel, the border reflected; scikit-image leaves the border out), whose two-dimensional window is several
    times slower.

    :param on: `binary` compares the thresholded prediction with the reference, `probabilities` the probabilities.
    :param threshold: decision threshold for `binary`.
    """

    accepts = MASKS
    takes_unknown = True
    higher_is_better = True
    unit = ""
    selects = False
    by_batches = True

    def __init__(
        self, output: Output, /, *, on: Literal["binary", "probabilities"] = "binary", threshold: Threshold = 0.5
    ) -> None:
        self.output = accepted(output, "ssim", self.accepts)
        self.on = on
        self.threshold = threshold

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Shape (rows,): the mean over structures, and `ssim_<structure>` if there is more than one.

        :raises DataError: for images smaller than the window.
        """
        height, width = targets.shape[-2:]
        if min(height, width) < WINDOW:
            raise DataError(f"ssim needs images of at least {WINDOW} × {WINDOW} pixels, found {height} × {width}")
        predicted, reference = binary(probabilities, targets, self.threshold)
        compared = predicted.float() if self.on == "binary" else probabilities
        ours = torch.split(compared.flatten(0, 1), CHUNK)
        theirs = torch.split(reference.flatten(0, 1).float(), CHUNK)
        values = [_of_chunk(*pair) for pair in zip(ours, theirs, strict=True)]
        return named("ssim", torch.cat(values).reshape(targets.shape[:2]), self.output, targets)


def _of_chunk(ours: Tensor, theirs: Tensor) -> Float[Tensor, " masks"]:
    """Both of shape (masks, height, width)."""
    border = [WINDOW // 2] * 4
    ours, theirs = F.pad(ours, border, mode="reflect"), F.pad(theirs, border, mode="reflect")
    mean, other_mean = _window_mean(ours), _window_mean(theirs)
    variance = (_window_mean(ours * ours) - mean * mean).clamp_min(0)
    other_variance = (_window_mean(theirs * theirs) - other_mean * other_mean).clamp_min(0)
    covariance = _window_mean(ours * theirs) - mean * other_mean
    luminance = (2 * mean * other_mean + C1) / (mean * mean + other_mean * other_mean + C1)
    return (luminance * (2 * covariance + C2) / (variance + other_variance + C2)).mean((1, 2))


def _window_mean(images: Tensor) -> Tensor:
    """The Gaussian-weighted mean of each window that lies inside the image, first along rows, then along columns."""
    offsets = torch.arange(WINDOW) - WINDOW // 2
    weights = (-(offsets**2) / (2 * SIGMA**2)).exp()
    for axis in (1, 2):
        length = images.shape[axis] - WINDOW + 1
        shifted = (
            images.narrow(axis, k, length) * weight for k, weight in enumerate((weights / weights.sum()).tolist())
        )
        images = functools.reduce(torch.Tensor.add_, shifted)
    return images
