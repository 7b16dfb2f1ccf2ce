"""Work shared with copies of this process."""

import gc
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import TypeVar

from ssmtl.importing import uncollected

Result = TypeVar("Result")


def process_count() -> int:
    """One per core that this process may use; 1 where a process cannot be copied safely."""
    if sys.platform != "linux" or multiprocessing.current_process().daemon:
        return 1
    return len(os.sched_getaffinity(0))


def in_processes(work: Callable[[int], Result], count: int, processes: int | None = None) -> list[Result]:
    """`work(0)` to `work(count - 1)`, in order; this process and copies of it take the next one whenever they are free.

    What the copies return is pickled. Whatever a copy does not finish, because it fails or is killed, is done here,
    which raises its error.

    :param count: up to 255. :param processes: at most; None: `process_count()`.
    """
    processes = min(process_count() if processes is None else processes, count)
    with uncollected():
        return _shared(_collecting(work), count, processes)


def _collecting(work: Callable[[int], Result]) -> Callable[[int], Result]:
    """The same work; what it leaves behind is collected once, at its end."""

    def alone(place: int) -> Result:
        result = work(place)
        gc.collect(0)  # all that is new, since nothing was collected before
        return result

    return alone


def _shared(work: Callable[[int], Result], count: int, processes: int) -> list[Result]:
    if processes < 2:
        return [work(place) for place in range(count)]
    context = multiprocessing.get_context("fork")
    tickets, counter = os.pipe()
    os.write(counter, bytes(range(count)))
    os.close(counter)
    copies = []
    for _ in range(processes - 1):
        receiver, sender = context.Pipe(duplex=False)
        copies.append((context.Process(target=_send, args=(work, tickets, sender), daemon=True), receiver))
        copies[-1][0].start()
        sender.close()
    try:
        done = {place: work(place) for place in _taken(tickets)}
        for _, receiver in copies:
            done.update(_received(receiver))
    finally:
        os.close(tickets)
        for process, receiver in copies:
            receiver.close()  # a copy that is not done then fails
            process.join()
    return [done[place] if place in done else work(place) for place in range(count)]


def _taken(tickets: int) -> Iterator[int]:
    """Places that nobody else takes, until there are none."""
    while ticket := os.read(tickets, 1):
        yield ticket[0]


def _send(work: Callable[[int], Result], tickets: int, sender: Connection) -> None:
    """In a copy: results by place, and the warnings that were shown; without those that fail."""
    done: dict[int, Result] = {}
    with warnings.catch_warnings(record=True) as caught:
        for place in _taken(tickets):
            try:
                done[place] = work(place)
            except Exception:  # noqa: BLE001 - done again, and raised, in the first process
                continue
    try:
        sender.send((done, [(one.message, one.category, one.filename, one.lineno) for one in caught]))
    except BrokenPipeError:  # the first process has failed
        return


def _received(receiver: Connection) -> dict[int, Result]:
    """What a copy sent; nothing if it was killed."""
    try:
        done, shown = receiver.recv()
    except (EOFError, OSError):
        return {}
    for warning in shown:
        warnings.warn_explicit(*warning)
    return dict(done)
