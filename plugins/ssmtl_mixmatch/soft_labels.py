"""Labels as distributions, which can be mixed, and the losses of what was mixed."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Logits, Output, mean_of_known


def soft_labels(output: Output, labels: Tensor) -> Float[Tensor, "rows classes"]:
    """One-hot; multi-label: as they are."""
    if output.kind == "multiclass":
        return torch.eye(len(output.classes), device=labels.device)[labels]
    return labels.float()


def soft_cross_entropy(output: Output, logits: Logits, targets: Float[Tensor, "rows classes"]) -> Float[Tensor, ""]:
    """The mean over rows, of what is known of each."""
    if output.kind == "multiclass":
        return F.cross_entropy(logits, targets)
    return over_known(F.binary_cross_entropy_with_logits, logits, targets)


def over_known(loss: Callable[..., Tensor], given: Tensor, targets: Tensor) -> Float[Tensor, ""]:
    """The loss of targets of which some may be unknown (NaN)."""
    return mean_of_known(loss(given, targets.nan_to_num(), reduction="none"), ~targets.isnan())
