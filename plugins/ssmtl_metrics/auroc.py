"""The area under the receiver operating characteristic."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.kinds import LABELS, accepted, numbers
from ssmtl_metrics.undefined import mean_of_defined


class AUROC:
    """The probability that a positive scores above a negative, ties counting half, in [0, 1]; 0.5 is chance.

    It measures the ranking, independently of a threshold. Two classes: the second is the positive one. More classes,
    and multi-label: each class against the rest, among the images of which it is known, and their unweighted mean. If
    all images or no images have a class, its area is undefined: NaN with a warning, where torchmetrics gives 0, the
    worst score, which no model could avoid.
    """

    accepts = LABELS
    takes_unknown = True
    higher_is_better = True
    unit = ""
    selects = True

    def __init__(self, output: Output, /) -> None:
        self.output = accepted(output, "auroc", self.accepts)

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Scalars: `auroc`, and `auroc_<class>` where there is more than one area."""
        scores, output = numbers(probabilities), self.output
        if output.kind == "multilabel":
            positive, known = targets > 0.5, ~targets.isnan()
        else:
            positive = targets[:, None] == torch.arange(len(output.classes))
            known = torch.ones_like(positive)
        if output.kind == "multiclass" and len(output.classes) == 2:
            scores, positive, known = scores[:, 1:], positive[:, 1:], known[:, 1:]
            output = Output("multilabel", output.classes[1:])
        defined = (positive & known).any(0) & (~positive & known).any(0)
        areas = [area(scores[known[:, i], i], positive[known[:, i], i]) for i in range(len(output.classes))]
        mean, values = mean_of_defined("auroc", torch.stack(areas), defined, output, "which all images have, or none")
        several = len(output.classes) > 1
        return {"auroc": mean} | {f"auroc_{name}": values[i] for i, name in enumerate(output.classes) if several}


def area(scores: Float[Tensor, " rows"], positive: Tensor) -> Float[Tensor, ""]:
    """The exact area (thresholds are not binned), or 0 if there are no positives or no negatives.

    By the trapezoid rule over the curve's points, one for each distinct score.
    """
    if positive.all() or not positive.any():
        return torch.zeros(())
    falling, order = scores.double().sort(descending=True)
    last = torch.cat([falling[1:] != falling[:-1], positive.new_ones(1)]).nonzero()[:, 0]
    hits = torch.cat([positive.new_zeros(1, dtype=torch.int64), positive[order].cumsum(0)[last]]).float()
    alarms = torch.cat([positive.new_zeros(1, dtype=torch.int64), (~positive[order]).cumsum(0)[last]]).float()
    return torch.trapezoid(hits / hits[-1], alarms / alarms[-1])
