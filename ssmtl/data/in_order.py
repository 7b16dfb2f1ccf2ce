"""Work in threads, whose results come in the order of what was given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ssmtl.data.threads import thread_count

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_order(
    work: Callable[[Given], Made],
    items: Iterable[Given],
    ahead: int | None = None,
    threads: int | None = None,
    first: Callable[[], None] | None = None,
) -> Iterator[Made]:
    """Results in the order of the items, of which few are under way at a time; the first error stops the rest.

    :param ahead: how many may wait while one is used; None: two for each thread. :param threads: None: as many as read
        files. :param first: what each thread does before anything else.
    """
    count = threads or thread_count()
    waiting: deque[Future[Made]] = deque()
    allowed = 2 * count if ahead is None else ahead
    with ThreadPoolExecutor(count, initializer=first) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > allowed:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
