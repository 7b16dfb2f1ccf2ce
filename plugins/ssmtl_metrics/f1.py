"""F1."""

from collections.abc import Mapping

from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.confusion import confusion
from ssmtl_metrics.kinds import LABELS, Threshold, accepted
from ssmtl_metrics.undefined import mean_of_defined


class F1:
    """2 TP / (2 TP + FP + FN) of each class against the rest, and their mean ("macro"), in [0, 1].

    The macro mean gives a rare class the same weight as a frequent one. For a class that is neither in the reference
    nor predicted, F1 is 0 / 0: NaN, and the mean leaves it out, as torchmetrics does for multi-class.

    :param threshold: decision threshold for multi-label probabilities.
    """

    accepts = LABELS
    takes_unknown = True
    higher_is_better = True
    unit = ""
    selects = False

    def __init__(self, output: Output, /, *, threshold: Threshold = 0.5) -> None:
        self.output = accepted(output, "f1", self.accepts)
        self.threshold = threshold

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Scalars: `f1`, and `f1_<class>` for each class."""
        counts = confusion(self.output, probabilities, targets, self.threshold)
        seen = 2 * counts.true_positives + counts.false_positives + counts.false_negatives
        ratio, why = 2 * counts.true_positives / seen, "which no image has and none is predicted to have"
        mean, values = mean_of_defined("f1", ratio, seen > 0, self.output, why)
        return {"f1": mean} | {f"f1_{name}": values[i] for i, name in enumerate(self.output.classes)}
