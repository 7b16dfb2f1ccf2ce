"""Balanced accuracy."""

from collections.abc import Mapping

from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.confusion import confusion
from ssmtl_metrics.kinds import LABELS, Threshold, accepted
from ssmtl_metrics.undefined import mean_of_defined


class BalancedAccuracy:
    """The mean recall over classes, in [0, 1]; always predicting the same one of C classes gives 1 / C.

    Multi-class: mean of TP / (TP + FN) over the classes in the reference (torchmetrics' macro accuracy also counts 0
    for a class that is only predicted). Multi-label: mean of (sensitivity + specificity) / 2 over classes. With fewer
    than two classes in the reference it would equal plain accuracy, so it is NaN.

    :param threshold: decision threshold for multi-label probabilities.
    """

    accepts = LABELS
    takes_unknown = True
    higher_is_better = True
    unit = ""
    selects = False

    def __init__(self, output: Output, /, *, threshold: Threshold = 0.5) -> None:
        self.output = accepted(output, "balanced_accuracy", self.accepts)
        self.threshold = threshold

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """`balanced_accuracy`, a scalar."""
        counts = confusion(self.output, probabilities, targets, self.threshold)
        positives = counts.true_positives + counts.false_negatives
        negatives = counts.true_negatives + counts.false_positives
        recall = counts.true_positives / positives
        if self.output.kind == "multilabel":
            recall = (recall + counts.true_negatives / negatives) / 2
            defined, why = (positives > 0) & (negatives > 0), "which all images have, or none"
        else:
            defined, why = (positives > 0) & ((positives > 0).sum() > 1), "which no image has, or all"
        mean, _ = mean_of_defined("balanced_accuracy", recall, defined, self.output, why)
        return {"balanced_accuracy": mean}
