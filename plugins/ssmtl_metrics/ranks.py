"""Metrics of classes in an order."""

import warnings
from collections.abc import Mapping

import torch
from jaxtyping import Int64
from torch import Tensor

from ssmtl import Output
from ssmtl_metrics.kinds import ORDERED, accepted, numbers


def median_class(probabilities: Tensor) -> Int64[Tensor, " rows"]:
    """The lowest class that an image exceeds with a probability of at most one half.

    It minimises the expected number of classes between prediction and truth, and is what CORAL predicts.
    """
    above = 1 - numbers(probabilities).double().cumsum(1)[:, :-1]
    return (above > 0.5).sum(1)


class RankError:
    """|predicted − true class|, counted in classes of the head's order, whose predicted class is the median one."""

    accepts = ORDERED
    takes_unknown = True
    higher_is_better = False
    unit = "classes"
    selects = False

    def __init__(self, output: Output, /) -> None:
        self.output = accepted(output, "rank_error", self.accepts)

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """`rank_error`, of shape (rows,); its mean over images is the mean absolute error."""
        return {"rank_error": (median_class(probabilities) - targets).abs().float()}


class QuadraticKappa:
    """Cohen's kappa with quadratic weights (Cohen 1968), for classes in the head's order: 1 − Σ d² n / Σ d² e.

    d: classes between prediction and truth; n: images with each pair of classes, predicted (the median class) and true;
    e: the numbers by chance. 1 is agreement, 0 chance. NaN if all images have one class and all are predicted to.
    """

    accepts = ORDERED
    takes_unknown = True
    higher_is_better = True
    unit = ""
    selects = True

    def __init__(self, output: Output, /) -> None:
        self.output = accepted(output, "quadratic_kappa", self.accepts)

    def __call__(self, probabilities: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """`quadratic_kappa`, a scalar."""
        predicted, true = median_class(probabilities), targets
        observed = (predicted - true).double().square().mean()
        by_chance = (predicted[:, None] - true[None]).double().square().mean()
        if by_chance == 0:
            warnings.warn("quadratic_kappa has no value: one class is all that occurs and is predicted", stacklevel=2)
            return {"quadratic_kappa": torch.tensor(float("nan"))}
        return {"quadratic_kappa": (1 - observed / by_chance).float()}
