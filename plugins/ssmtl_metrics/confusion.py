"""One-against-rest counts, from which the metrics for labels are computed."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.kinds import numbers


@dataclass(frozen=True)
class Confusion:
    """Numbers of images for each class against the rest, of shape (classes,), float64."""

    true_positives: Float[Tensor, " classes"]
    false_positives: Float[Tensor, " classes"]
    true_negatives: Float[Tensor, " classes"]
    false_negatives: Float[Tensor, " classes"]


def confusion(output: Output, probabilities: Tensor, targets: Tensor, threshold: float) -> Confusion:
    """Counts for the arg max (multi-class; `threshold` is unused) or for a decision on each class (multi-label)."""
    from torchmetrics.functional.classification import (
        binary_stat_scores,
        multiclass_stat_scores,
        multilabel_stat_scores,
    )

    count = len(output.classes)
    if output.kind == "multiclass":
        table = multiclass_stat_scores(numbers(probabilities), targets, count, average=None)
    elif count == 1:
        table = binary_stat_scores(numbers(probabilities), targets.long(), threshold=threshold)
    else:
        table = multilabel_stat_scores(numbers(probabilities), targets.long(), count, threshold=threshold, average=None)
    return Confusion(*table.double().reshape(count, 5)[:, :4].unbind(1))
