"""What a metric can be asked of, and the threshold it shares with the others."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from ssmtl import Kind, Output, SsmtlError

LABELS: frozenset[Kind] = frozenset({"multiclass", "multilabel"})
MASKS: frozenset[Kind] = frozenset({"masks"})

Threshold = Annotated[float, Field(ge=0, lt=1)]
"""A probability strictly above it is a positive, as in torchmetrics."""


def accepted(output: Output, metric: str, kinds: frozenset[Kind]) -> Output:
    """`output`, if the metric is defined for its kind.

    :raises ValueError: if not.
    """
    if output.kind not in kinds:
        raise ValueError(f"the metric '{metric}' is of {' or '.join(sorted(kinds))} outputs, not of {output.kind}")
    return output


def numbers(probabilities: Tensor) -> Tensor:
    """`probabilities`, if none is NaN: a comparison would take NaN for a confident negative, and score it.

    :raises SsmtlError: if one is.
    """
    if probabilities.isnan().any():
        raise SsmtlError("the model predicts NaN: its weights have diverged, so there is nothing to score")
    return probabilities
