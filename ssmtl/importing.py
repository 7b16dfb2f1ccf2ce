"""Importing large libraries quickly."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection while libraries are imported, and later none of what they made: all of it stays.

    The collector would search hundreds of thousands of objects again and again, for half a second in all.
    """
    enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def without(library: str) -> Iterator[None]:
    """As if a library were not installed, unless it is already imported; for libraries that import it needlessly."""
    loaded = library in sys.modules
    if not loaded:
        sys.modules[library] = None  # type: ignore[assignment]  # Python's own way to say so
    try:
        yield
    finally:
        if not loaded:
            del sys.modules[library]
