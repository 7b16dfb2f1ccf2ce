"""Which rows of a pool a step uses: endless passes, each in a new order, as a pure function of (seed, pool, step)."""

from collections import Counter
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ssmtl.contracts.random_stream import key, permutation


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


def sample_keys(rows: NDArray[np.int64], keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The keys of the random streams of a step's rows: the image, and how often it came before in the step.

    A batch that is larger than the pool repeats images; without the count, every copy would be augmented alike.

    :param rows: of one whole step. :param keys: of all images of the pool.
    """
    times: Counter[int] = Counter()
    result = keys[rows]
    for place, row in enumerate(rows.tolist()):
        if times[row]:
            result[place] ^= np.uint64(key("repetition", times[row]))
        times[row] += 1
    return result
