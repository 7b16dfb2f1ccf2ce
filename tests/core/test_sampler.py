"""The rows of a step: endless passes, each of them a permutation, as a pure function."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ssmtl.data.sampler import rows_at


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 3))
def test_each_pass_shows_every_image_once(length, batch, seed):
    """Also if the batch is larger than the pool, or its size does not divide that of the pool."""
    steps = -(-3 * length // batch)
    rows = np.concatenate([rows_at(step, batch, length, seed, "task", "labeled") for step in range(steps)])
    for start in range(0, 3 * length, length):
        assert sorted(rows[start : start + length]) == list(range(length))


def test_a_step_is_a_pure_function_so_that_resuming_needs_no_state():
    forward = [rows_at(step, 7, 23, 0, "task", "labeled").tolist() for step in range(20)]
    backward = [rows_at(step, 7, 23, 0, "task", "labeled").tolist() for step in reversed(range(20))]
    assert forward == backward[::-1]
    assert all(len(rows) == 7 for rows in forward)


def test_passes_seeds_tasks_and_pools_differ():
    contexts = [(0, "a", "labeled"), (1, "a", "labeled"), (0, "b", "labeled"), (0, "a", "unlabeled")]
    found = [tuple(rows_at(step, 30, 30, *context)) for context in contexts for step in (0, 1)]
    assert len(set(found)) == len(found)
