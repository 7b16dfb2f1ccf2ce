"""How much memory decoding may take, in all threads together."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ssmtl.errors import DataError

LARGEST = 4 * 2**30
"""Bytes."""

GREY, COLOUR, DICOM = 24, 48, 48
"""Bytes for each pixel: an image as it is decoded, as floats, and while it is resized."""


class ByteBudget:
    """A number of bytes for all threads; a thread waits until as many as it needs are free."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, count: int) -> Iterator[None]:
        """The bytes are taken inside the context. A thread that holds some may not ask for more: it could wait forever.

        :raises DataError: if `count` is more than there is.
        """
        if count > self.total:
            raise DataError(
                f"it is too large: decoding it takes {count / 1e9:.1f} GB of memory, expected at most "
                f"{self.total / 1e9:.1f} GB"
            )
        with self._changed:
            self._changed.wait_for(lambda: self.free >= count)
            self.free -= count
        try:
            yield
        finally:
            with self._changed:
                self.free += count
                self._changed.notify_all()


DECODING = ByteBudget(LARGEST)
"""Shared by all threads of this process."""
