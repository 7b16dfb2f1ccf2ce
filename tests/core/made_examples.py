"""Examples with images in memory that count how often they are read."""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ssmtl.contracts.source import Example
from ssmtl.errors import DataError


@dataclass(frozen=True)
class MadeUpImage:
    """A flat grey image; `broken` ones do not decode."""

    name: str
    grey: int = 100
    side: int = 20
    broken: bool = False
    reads: ClassVar[Counter] = Counter()

    def fingerprint(self):
        return f"{self.name} {self.grey} {self.side} {self.broken}"

    def read(self):
        self.reads[self.name] += 1
        if self.broken:
            raise DataError(f"{self.name} cannot be decoded: truncated")
        return np.full((self.side, self.side), self.grey, np.uint8)


def example(number, *labels, patient=None, masks=(), split=None, **image):
    """Image `number` of its own patient, unless told otherwise."""
    return Example(
        f"i{number}",
        patient or f"p{number}",
        MadeUpImage(f"i{number}", **image),
        frozenset(labels) if labels else None,
        {name: (MadeUpImage(f"i{number} {name}", 255),) for name in masks} or None,
        split,
    )
