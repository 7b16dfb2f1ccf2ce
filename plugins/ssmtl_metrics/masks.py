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


def named(metric: str, values: Float[Tensor, "rows structures"], output: Output) -> Mapping[str, Tensor]:
    """Values by name, of shape (rows,): the mean over structures, and each structure's if there is more than one."""
    several = len(output.classes) > 1
    each = {f"{metric}_{name}": values[:, i] for i, name in enumerate(output.classes) if several}
    return {metric: values.mean(1)} | each
