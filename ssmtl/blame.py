"""Who failed: an exception of a component becomes an error that names it; out of memory, one that says what to do."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ssmtl.errors import PluginError, RunError, SsmtlError, first_line

NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "Cannot allocate memory")
"""What PyTorch's allocators say."""


@contextmanager
def blamed(what: str, step: int) -> Iterator[None]:
    """:param what: what is being done. :param step: of the training, from 0.

    :raises RunError: if memory ran out.
    :raises PluginError: for any other exception that is not one of ours.
    """
    try:
        yield
    except SsmtlError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise RunError(
                f"out of memory in step {step + 1}, in {what}: {first_line(error)}. Try a smaller tasks.NAME.batch or "
                "unlabeled_batch, a smaller image.size, or train.precision: bf16-mixed"
            ) from error
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise PluginError(
            f"{what} failed in step {step + 1}: {error!r} ({Path(last.filename).name}, line {last.lineno}; "
            "--debug shows the traceback)"
        ) from error


def out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
