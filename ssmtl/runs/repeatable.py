"""The same numbers in every run on a GPU."""

import os

import torch
from torch.utils import deterministic


def make_repeatable() -> None:
    """Operations that would add in an order that changes from run to run take a fixed one.

    PyTorch warns of an operation that has none.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    setattr(deterministic, "fill_uninitialized_memory", False)  # noqa: B010 - it costs time, and only finds errors
