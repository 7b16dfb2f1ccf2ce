"""Which of several processes' errors is told."""

import multiprocessing

import pytest

from ssmtl.runs.lost import cause

GONE = "the training step failed in step 6: RuntimeError('Connection closed by peer [127.0.0.1]:29346')"
TIMED_OUT = "the training step failed in step 6: RuntimeError('Timed out waiting 60000ms for recv operation')"


@pytest.mark.parametrize(
    ("told", "expected"),
    [((GONE, TIMED_OUT), TIMED_OUT), ((TIMED_OUT, GONE), TIMED_OUT), ((GONE,), GONE), ((GONE, GONE), GONE)],
)
def test_the_cause_comes_before_its_consequence(told, expected):
    mistakes = multiprocessing.get_context("spawn").SimpleQueue()
    for one in told:
        mistakes.put(one)
    assert cause(mistakes) == expected
    assert mistakes.empty()
