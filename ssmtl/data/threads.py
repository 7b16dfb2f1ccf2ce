"""How many threads read files."""

import os


def thread_count() -> int:
    """One per core, at most 16."""
    return min(os.cpu_count() or 1, 16)
