"""Accuracy."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.kinds import LABELS, Threshold, accepted, numbers


class Accuracy:
    """The fraction of correct labels, in [0, 1].

    Multi-class: 1 for an image whose most probable class is its label, else 0. Multi-label: the fraction of the
    classes known of it whose presence or absence is predicted correctly. One value per image, so that runs can be
    compared image by image.

    :param threshold: decision threshold for multi-label probabilities.
    """

    accepts = LABELS
    takes_unknown = True
    higher_is_better = True
    unit = ""
    selects = False

    def __init__(self, output: Output, /, *, threshold: Threshold = 0.5) -> None:
        self.output = accepted(output, "accuracy", self.accepts)
        self.threshold = threshold

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """`accuracy`, of shape (rows,)."""
        if self.output.kind == "multiclass":
            return {"accuracy": (numbers(probabilities).argmax(1) == targets).float()}
        right = (numbers(probabilities) > self.threshold) == (targets > 0.5)
        known = ~targets.isnan()
        if known.all():
            return {"accuracy": right.float().mean(1)}
        return {"accuracy": right.float().masked_fill(~known, torch.nan).nanmean(1)}
