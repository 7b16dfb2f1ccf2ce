"""From probabilities to masks, and from a value for each structure to named results."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ssmtl import Masks, Output
from ssmtl_metrics.kinds import numbers

REFERENCE = 0.5
"""Threshold for references, which are 0 or 1."""

Binary = Bool[Tensor, "rows structures height width"]


def binary(probabilities: Masks, targets: Masks, threshold: float) -> tuple[Binary, Binary]:
    """The predicted and the reference masks."""
    return numbers(probabilities) > threshold, targets > REFERENCE


def pixels(masks: Binary) -> Int[Tensor, "rows structures"]:
    """The number of pixels in each mask. NumPy counts true values some thirty times faster than torch sums them."""
    return torch.tensor([np.count_nonzero(mask) for mask in masks.flatten(0, 1).numpy()]).reshape(masks.shape[:2])


def known_structures(targets: Masks) -> Bool[Tensor, "rows structures"]:
    """Of which something is known; the others are NaN throughout."""
    return ~targets[:, :, 0, 0].isnan()


def named(
    metric: str, values: Float[Tensor, "rows structures"], output: Output, targets: Masks
) -> Mapping[str, Tensor]:
    """Values by name, of shape (rows,): the mean over structures, and each structure's if there is more than one.

    NaN for a structure of which nothing is known, and the mean leaves it out.
    """
    known = known_structures(targets)
    if not known.all():
        values = values.masked_fill(~known, torch.nan)
    mean = values.mean(1) if known.all() else values.nanmean(1)
    several = len(output.classes) > 1
    each = {f"{metric}_{name}": values[:, i] for i, name in enumerate(output.classes) if several}
    return {metric: mean} | each
