"""The policy for classes for which a metric for labels is 0 / 0."""

import warnings

from jaxtyping import Bool, Float
from torch import Tensor

from ssmtl import Output


def mean_of_defined(
    metric: str, values: Float[Tensor, " classes"], defined: Bool[Tensor, " classes"], output: Output, why: str
) -> tuple[Float[Tensor, ""], Float[Tensor, " classes"]]:
    """The mean over the classes for which the metric is defined, and the values with NaN for the other classes.

    A made-up 0 or 1 would look like a result, so the value is NaN, with a warning that names the classes.

    :param why: of the images, as in 'of which all images are, or none'.
    """
    if not defined.all():
        missing = [name for name, known in zip(output.classes, defined.tolist(), strict=True) if not known]
        warnings.warn(f"{metric} has no value for {', '.join(missing)}, {why}", stacklevel=3)
    known_values = values.masked_fill(~defined, float("nan")).float()
    return known_values.nanmean(), known_values
