"""Distribution alignment: predictions whose mean is as it should be."""

from jaxtyping import Float
from torch import Tensor

from ssmtl_classification.distributions import Distributions, normalized


def aligned(
    guess: Distributions, wanted: Float[Tensor, "variables outcomes"], mean: Float[Tensor, "variables outcomes"]
) -> Distributions:
    """Normalize(guess · wanted / mean), as ReMixMatch does it (Berthelot et al., ICLR 2020, section 3.1).

    :param wanted: what the mean of the guesses should be. :param mean: what it was.
    """
    return normalized(guess * wanted / mean.clamp(min=1e-6))
