"""What a command says that a signal stopped, and that goes on if it is given again."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ssmtl.runs.signals import StoppedError, stoppable


@contextmanager
def going_on() -> Iterator[None]:
    """:raises StoppedError: with the command, if SIGTERM or SIGINT came."""
    try:
        with stoppable():
            yield
    except StoppedError as error:
        again = shlex.join(["ssmtl", *sys.argv[1:]])
        raise StoppedError(f"stopped; whatever has begun is kept, and the same command goes on: {again}") from error
