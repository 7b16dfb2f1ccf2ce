"""Whether a network's rows depend on each other."""

from torch import nn


def has_batch_norm(network: nn.Module) -> bool:
    """Whether a batch norm is in it, by which each row's output depends on the other rows."""
    return any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in network.modules())
