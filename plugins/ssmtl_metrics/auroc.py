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

    It judges the ranking, whatever the threshold. Two classes: the second is the positive one. More, and multi-label:
    each against the rest, and their unweighted mean. A class all or none of the images have has no area: NaN with a
    warning, where torchmetrics gives 0 — the worst score — to a model that could not have done otherwise.
    """

    accepts = LABELS
    higher_is_better = True
    unit = ""
    selects = True

    def __init__(self, output: Output, /) -> None:
        self.output = accepted(output, "auroc", self.accepts)

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Scalars: `auroc`, and `auroc_<class>` where there is more than one area."""
        scores, output = numbers(probabilities), self.output
        if output.kind == "multilabel":
            positive = targets > 0.5
        else:
            positive = targets[:, None] == torch.arange(len(output.classes))
        if output.kind == "multiclass" and len(output.classes) == 2:
            scores, positive, output = scores[:, 1:], positive[:, 1:], Output("multilabel", output.classes[1:])
        defined = positive.any(0) & ~positive.all(0)
        areas = torch.stack([area(scores[:, i], positive[:, i]) for i in range(len(output.classes))])
        mean, values = mean_of_defined("auroc", areas, defined, output)
        several = len(output.classes) > 1
        return {"auroc": mean} | {f"auroc_{name}": values[i] for i, name in enumerate(output.classes) if several}


def area(scores: Float[Tensor, " rows"], positive: Tensor) -> Float[Tensor, ""]:
    """The exact area (no binned thresholds), or 0 if one of the two groups is empty."""
    from torchmetrics.functional.classification import binary_auroc

    if positive.all() or not positive.any():
        return torch.zeros(())
    found: Tensor = binary_auroc(scores.double(), positive.long())
    return found.float()
