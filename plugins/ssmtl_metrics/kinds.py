"""The kinds of output that metrics accept, and the threshold option they share."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from ssmtl import Kind, Output, SsmtlError

LABELS: frozenset[Kind] = frozenset({"multiclass", "multilabel"})
ORDERED: frozenset[Kind] = frozenset({"multiclass"})
"""Whose classes may have an order."""

NUMBERS: frozenset[Kind] = frozenset({"numbers"})
MASKS: frozenset[Kind] = frozenset({"masks"})

Threshold = Annotated[float, Field(ge=0, lt=1)]
"""A probability strictly above the threshold is positive, as in torchmetrics."""


def accepted(output: Output, metric: str, kinds: frozenset[Kind]) -> Output:
    """`output`, provided that the metric is defined for its kind.

    :raises ValueError: if it is not.
    """
    if output.kind not in kinds:
        raise ValueError(f"the metric '{metric}' is for {' or '.join(sorted(kinds))} outputs, not for {output.kind}")
    return output


def numbers(probabilities: Tensor) -> Tensor:
    """`probabilities`, provided that none is NaN: a comparison would score NaN as a confident negative.

    :raises SsmtlError: if one is.
    """
    if probabilities.isnan().any():
        raise SsmtlError("the model predicts NaN: its weights have diverged, so there is nothing to score")
    return probabilities
