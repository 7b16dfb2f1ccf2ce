"""The unlabelled pool of a task: rows of one source, or of several."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from ssmtl.data.rows import Rows


@dataclass(frozen=True)
class JoinedRows:
    """The unlabelled images of several sources. Of each, a step has as many rows as of any other, or one more."""

    of: Mapping[str, Rows]
    """By source."""

    @property
    def parts(self) -> list[Rows]:
        """Of each source."""
        return list(self.of.values())

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """SOURCE/ID, one source after another."""
        return tuple(f"{source}/{one}" for source, part in self.of.items() for one in part.ids)

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """As of `Rows`."""
        return np.concatenate([part.keys for part in self.parts])

    @cached_property
    def targets(self) -> Tensor | None:
        """As of `Rows`: unknown where a source is not the task's own."""
        found = [part.targets for part in self.parts if part.targets is not None]
        return torch.cat(found) if found else None

    def at(self, step: int, batch: int, *context: int | str) -> NDArray[np.int64]:
        """The rows of a step: of each source in turn, those of its own endless passes."""
        rows = np.empty(batch, np.int64)
        count, start = len(self.parts), 0
        for number, part in enumerate(self.parts):
            share = len(range(number, batch, count))
            rows[number::count] = start + part.at(step, share, *context, number)
            start += len(part)
        return rows

    def images(self, rows: NDArray[np.int64]) -> UInt8[Tensor, "rows channels height width"]:
        """uint8 images."""
        return torch.cat([part.images(np.array([place])) for part, place in self._places(rows)])

    def target(self, rows: NDArray[np.int64]) -> Tensor:
        """As of `Rows`, of tasks without masks."""
        return torch.cat([part.target(np.array([place])) for part, place in self._places(rows)])

    def inside(self, rows: NDArray[np.int64]) -> UInt8[Tensor, "rows 1 height width"] | None:
        """1 where the image is, 0 around it; None if images fill their frames."""
        found = [part.inside(np.array([place])) for part, place in self._places(rows)]
        return torch.cat([one for one in found if one is not None]) if found[0] is not None else None

    def _places(self, rows: NDArray[np.int64]) -> Iterator[tuple[Rows, int]]:
        starts = np.cumsum([0, *map(len, self.parts)])
        for row in rows:
            number = int(np.searchsorted(starts, row, "right")) - 1
            yield self.parts[number], int(row - starts[number])


Pool = Rows | JoinedRows
"""Of a task, the unlabelled images."""


def of_others(source: str, pool: Pool) -> dict[str, int]:
    """By other source than the task's own, how many images the pool has of it."""
    parts = pool.of if isinstance(pool, JoinedRows) else {}
    return {name: len(rows) for name, rows in parts.items() if name != source}
