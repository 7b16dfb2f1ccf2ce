"""The mean of a loss where it is not known of everything."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def mean_of_known(
    values: Float[Tensor, "rows terms"], known: Bool[Tensor, "rows terms"], if_nothing: float = 0.0
) -> Float[Tensor, ""]:
    """The mean over rows of the mean of what is known in each; `values.mean()`, bit for bit, if all of it is.

    Each row counts alike, however much of it is known, so that the mean of a batch is the mean of its equal parts.
    No gradient reaches what is not known.

    :param values: finite, also where nothing is known.
    :param if_nothing: in place of a row of which nothing is known.
    """
    count = known.sum(1, keepdim=True)
    own = values.masked_fill(~known, 0).sum(1, keepdim=True) / count.clamp(min=1)
    return torch.where(known, values, own.masked_fill(count == 0, if_nothing)).mean()
