"""Networks in which a row depends on the rows beside it: batch normalisation in training."""

from collections.abc import Iterator

from torch import Tensor, nn

BatchNorm = nn.modules.batchnorm._BatchNorm
"""The base of every kind of batch normalisation."""


def couples_rows(model: nn.Module) -> bool:
    """Whether what the network says of a row in training depends on the other rows of the pass."""
    return any(True for _ in batch_norms(model))


def batch_norms(model: nn.Module) -> Iterator[nn.Module]:
    """Its batch normalisations."""
    return (part for part in model.modules() if isinstance(part, BatchNorm))


def running_statistics(model: nn.Module) -> Iterator[Tensor]:
    """The running means and variances of its batch normalisations."""
    for part in model.modules():
        if isinstance(part, BatchNorm):
            yield from (one for one in (part.running_mean, part.running_var) if one is not None)
