"""Work that copies of this process share."""

import os
import signal
import sys
import time
import warnings

import pytest

from ssmtl.reports.processes import in_processes

FIRST = os.getpid()
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all is done in this process")


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_results_come_in_order_from_any_number_of_processes(processes):
    assert in_processes(lambda place: place * place, 12, processes) == [place * place for place in range(12)]


def in_a_copy(place):
    """Waits, so that another process takes the next place."""
    time.sleep(0.3)
    return os.getpid()


def test_copies_take_part():
    assert len(set(in_processes(in_a_copy, 4, 2))) == 2


def test_what_a_killed_copy_leaves_is_done_here():
    def work(place):
        if os.getpid() != FIRST:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        return place

    assert in_processes(work, 6, 3) == list(range(6))


@pytest.mark.parametrize("processes", [1, 3])
def test_an_error_is_raised_here(processes):
    def work(place):
        if place == 4:
            raise ValueError("four")
        return in_a_copy(place)

    with pytest.raises(ValueError, match="four"):
        in_processes(work, 6, processes)


def test_warnings_of_a_copy_are_shown():
    def work(place):
        warnings.warn(f"at {place}", UserWarning, stacklevel=1)
        return in_a_copy(place)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        in_processes(work, 4, 2)
    assert {str(one.message) for one in caught} == {f"at {place}" for place in range(4)}
