"""Which rows of a pool a step uses: endless passes, each in a new order, as a pure function of (seed, pool, step)."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ssmtl.contracts.random_stream import permutation


@lru_cache(maxsize=64)
def _pass(length: int, *context: int | str) -> NDArray[np.int64]:
    return permutation(length, *context)


def rows_at(step: int, batch: int, length: int, *context: int | str) -> NDArray[np.int64]:
    """The rows of step `step` (from 0): places step · batch to (step + 1) · batch of the endless sequence of passes.

    :param length: images in the pool; smaller than the batch is allowed.
    :param context: seed, task and pool.
    """
    places = np.arange(step * batch, (step + 1) * batch)
    return np.array([_pass(length, *context, "pass", int(place // length))[place % length] for place in places])
