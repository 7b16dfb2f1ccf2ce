"""The average Hausdorff distance between masks."""

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.empty import distance_if_empty
from ssmtl_metrics.kinds import MASKS, Threshold, accepted
from ssmtl_metrics.masks import binary, named

Spacing = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


class AverageHausdorff:
    """(mean_p d(p, ∂R) + mean_r d(r, ∂P)) / 2 over the boundary pixels p of prediction and r of reference; 0 is best.

    The boundary of a mask consists of its pixels that have one of their four neighbours outside it; beyond the image is
    outside. The mean depends less on a single stray pixel than the maximum or a percentile, and MultiMix reports it.
    Distances are in mm with `spacing`, otherwise in pixels at the evaluated size, so comparable only between equal
    sizes. Empty masks: 0 if both are empty, else the image diagonal, which no measured distance reaches.

    :param threshold: decision threshold for probabilities.
    :param spacing: height and width of a pixel in mm; with 1 and 1 the distances are in pixels.
    """

    accepts = MASKS
    takes_unknown = True
    higher_is_better = False
    selects = False
    by_batches = True

    def __init__(self, output: Output, /, *, threshold: Threshold = 0.5, spacing: Spacing = (1.0, 1.0)) -> None:
        self.output = accepted(output, "average_hausdorff", self.accepts)
        self.threshold = threshold
        self.spacing = spacing
        self.unit = "px" if tuple(spacing) == (1.0, 1.0) else "mm"

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Shape (rows,): the mean over structures, and `average_hausdorff_<structure>` if there is more than one."""
        predicted, reference = (masks.flatten(0, 1).numpy() for masks in binary(probabilities, targets, self.threshold))
        distances = [
            average_distance(ours, theirs, self.spacing) for ours, theirs in zip(predicted, reference, strict=True)
        ]
        values = torch.tensor(distances, dtype=torch.float32).reshape(targets.shape[:2])
        return named("average_hausdorff", values, self.output, targets)


def average_distance(predicted: NDArray[np.bool_], reference: NDArray[np.bool_], spacing: Spacing) -> float:
    """The average Hausdorff distance between two masks of shape (height, width)."""
    from scipy import ndimage

    diagonal = math.hypot(predicted.shape[0] * spacing[0], predicted.shape[1] * spacing[1])
    given = distance_if_empty(bool(predicted.any()), bool(reference.any()), diagonal)
    if given is not None:
        return given
    box = ndimage.find_objects((predicted | reference).astype(np.int8))[0]
    ours, theirs = boundary(predicted[box]), boundary(reference[box])
    return (directed(ours, theirs, spacing) + directed(theirs, ours, spacing)) / 2


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of `mask` that have one of their four neighbours outside it."""
    from scipy import ndimage

    inner: NDArray[np.bool_] = ndimage.binary_erosion(mask)
    return mask & ~inner


def directed(origin: NDArray[np.bool_], goal: NDArray[np.bool_], spacing: Spacing) -> float:
    """The mean distance from the pixels of `origin` to the nearest pixel of `goal`."""
    from scipy import ndimage

    return float(ndimage.distance_transform_edt(~goal, sampling=spacing)[origin].mean())
