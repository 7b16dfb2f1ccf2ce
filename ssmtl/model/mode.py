"""Training or evaluation mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def mode(module: nn.Module, *, training: bool) -> Iterator[None]:
    """With `training` off, no dropout and fixed statistics. Each submodule's flag is put back, even after an error."""
    flags = [(part, part.training) for part in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for part, before in flags:
            part.training = before
