"""Memory that was freed is kept for the next step instead of being returned to the system."""

import ctypes
import os
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Parameters of glibc's `mallopt`."""

OWN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES", "LD_PRELOAD")
"""Variables by which a user chooses an allocator or its settings; these are left as they are."""


def keep_pages() -> bool:
    """Whether it is so from now on in this process: on Linux with glibc, unless the environment says otherwise.

    A training step allocates and frees the same large tensors again and again. By default glibc returns each to the
    system, which then clears its pages anew; that takes a good part of a step on large images.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in OWN):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, 1 << 30) and mallopt(TRIM_THRESHOLD, 2**31 - 1))
