"""One-against-rest counts, from which the metrics for labels are computed."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.kinds import numbers


@dataclass(frozen=True)
class Confusion:
    """Numbers of images for each class against the rest, where it is known, of shape (classes,), float64."""

    true_positives: Float[Tensor, " classes"]
    false_positives: Float[Tensor, " classes"]
    true_negatives: Float[Tensor, " classes"]
    false_negatives: Float[Tensor, " classes"]


def confusion(output: Output, probabilities: Tensor, targets: Tensor, threshold: float) -> Confusion:
    """Counts for the arg max (multi-class; `threshold` is unused) or for a decision on each class (multi-label)."""
    scores = numbers(probabilities)
    if output.kind == "multiclass":
        classes = torch.arange(len(output.classes), device=scores.device)
        chosen, positive = scores.argmax(1)[:, None] == classes, targets[:, None] == classes
        known = torch.ones_like(positive)
    else:
        chosen, positive, known = scores > threshold, targets > 0.5, ~targets.isnan()
    cells = (chosen & positive, chosen & ~positive, ~chosen & ~positive, ~chosen & positive)
    return Confusion(*((cell & known).sum(0).double() for cell in cells))
