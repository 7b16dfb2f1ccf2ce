"""The rows of one task: decoded images, targets and identities, by part."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.budget import is_labeled, known_names
from ssmtl.data.cache import Decoded
from ssmtl.data.mask_values import UNKNOWN
from ssmtl.data.sampler import rows_at
from ssmtl.data.split_file import TaskSplit
from ssmtl.data.targets import targets_of
from ssmtl.errors import DataError
from ssmtl.wording import counted


@dataclass(frozen=True)
class Rows:
    """Some images of one source, with what one task knows about them.

    :param ids: names of the images. :param patients: of each image; one name for each person.
    :param keys: 64-bit identities for the random streams.
    :param targets: class indices (-1: unknown) or multi-hot rows (NaN: unknown); None for masks, which are read
        with the images.
    :param channels: the task's structures among the decoded masks.
    :param missing: (images, structures), of which there is no mask; None: all are there.
    """

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    keys: NDArray[np.uint64]
    decoded: Decoded
    places: NDArray[np.int64]
    targets: Tensor | None
    channels: tuple[int, ...] = ()
    missing: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def images(self, rows: NDArray[np.int64] | slice) -> UInt8[Tensor, "rows channels height width"]:
        """uint8 images."""
        return torch.from_numpy(np.ascontiguousarray(self.decoded.images[self.places[rows]]))

    def target(self, rows: NDArray[np.int64] | slice) -> Tensor:
        """Class indices, multi-hot rows of 0, 1 and NaN, or uint8 masks of 0, 1 and, where nothing is known, 255."""
        if self.targets is not None:
            return self.targets[rows]
        assert self.decoded.masks is not None
        masks = np.ascontiguousarray(self.decoded.masks[self.places[rows]][:, self.channels])
        if self.missing is not None:
            masks[self.missing[rows]] = UNKNOWN
        return torch.from_numpy(masks)

    def inside(self, rows: NDArray[np.int64] | slice) -> UInt8[Tensor, "rows 1 height width"] | None:
        """1 where the image is, 0 around it; None if images fill their frames."""
        masks, structures = self.decoded.masks, self.decoded.structures
        if masks is None or masks.shape[1] == len(structures):
            return None
        return torch.from_numpy(np.ascontiguousarray(masks[self.places[rows]][:, -1:]))

    def at(self, step: int, batch: int, *context: int | str) -> NDArray[np.int64]:
        """The rows of a step: see `rows_at`."""
        return rows_at(step, batch, len(self), *context)

    def known(self, output: Output) -> dict[str, int]:
        """For each class or structure of which something is unknown in some image, in how many it is known."""
        if self.targets is None:
            unknown = self.missing
        else:
            unknown = self.targets.isnan().numpy() if self.targets.is_floating_point() else None
        if unknown is None or not unknown.any():
            return {}
        return {name: int(count) for name, count in zip(output.classes, (~unknown).sum(0), strict=True)}


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
        """One source after another."""
        return tuple(one for part in self.parts for one in part.ids)

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


@dataclass(frozen=True)
class TaskData:
    """The parts of one task; `unlabeled` carries true labels where they are known, for diagnostics only.

    :param left_out: as in `TaskSplit`.
    """

    labeled: Rows
    unlabeled: Pool
    val: Rows
    test: Mapping[str, Rows]
    left_out: Mapping[str, int] = field(default_factory=dict)


def task_data(
    split: TaskSplit,
    output: Output,
    examples: Mapping[str, Sequence[Example]],
    decoded: Mapping[str, Decoded],
    patients: Mapping[str, Mapping[str, str]] | None = None,
) -> TaskData:
    """The task's rows, as named by the split. :param patients: by source, as in `rows_of`."""

    def rows(source: str, ids: Sequence[str], labeled: bool = True) -> Rows:
        return rows_of(source, ids, output, examples[source], decoded[source], labeled, (patients or {}).get(source))

    def unknown(source: str, ids: Sequence[str]) -> Rows:
        """Of another source: nothing is known of its images, whatever their classes are called there."""
        bare = [Example(one.id, one.patient, one.image) for one in examples[source]]
        return rows_of(source, ids, output, bare, decoded[source], False, (patients or {}).get(source))

    tests = {domain: rows(part.source, part.ids) for domain, part in split.test.items()}
    own = split.source
    mine = rows(own, split.unlabeled, False)
    others = {source: unknown(source, ids) for source, ids in split.unlabeled_of.items()}
    unlabeled = JoinedRows(({own: mine} if len(mine) else {}) | others) if others else mine
    return TaskData(rows(own, split.labeled), unlabeled, rows(own, split.val), tests, split.left_out)


def rows_of(
    source: str,
    ids: Sequence[str],
    output: Output,
    examples: Sequence[Example],
    decoded: Decoded,
    labeled: bool = True,
    patients: Mapping[str, str] | None = None,
) -> Rows:
    """The rows with these ids, with the targets of a head of this output.

    :param labeled: whether they are to be learned from or scored, so that each needs its label or masks.
    :param patients: by image id, what its patient is called where it has several names; None: as the source says.
    :raises DataError: for a label that is not a class of the head, or one that is missing.
    """
    finder = {example.id: place for place, example in enumerate(examples)}
    bare = [name for name in ids if labeled and not is_labeled(examples[finder[name]], output)]
    if bare:
        what = "mask" if output.kind == "masks" else "label"
        raise DataError(
            f"the source '{source}': {bare[0]} is to be learned from or scored, and has no {what} "
            f"({counted(len(bare), 'such image')})"
        )
    places = np.array([finder[name] for name in ids], dtype=np.int64)
    masks = output.kind == "masks"
    targets = targets_of([examples[place] for place in places], output, source)
    keys = np.array([_identity(source, name) for name in ids], dtype=np.uint64)
    there = masks and (labeled or set(output.classes) <= set(decoded.structures))
    channels = tuple(decoded.structures.index(name) for name in output.classes) if there else ()
    missing = _missing([examples[place] for place in places], output) if masks else None
    names = patients or {}
    shown = tuple(names.get(examples[place].id, examples[place].patient) for place in places)
    return Rows(tuple(ids), shown, keys, decoded, places, targets, channels, missing)


def _missing(examples: Sequence[Example], output: Output) -> NDArray[np.bool_] | None:
    shown = [known_names(example, output) for example in examples]
    missing = np.array([[name not in known for name in output.classes] for known in shown], dtype=np.bool_)
    return missing.reshape(len(examples), len(output.classes)) if missing.any() else None


def _identity(source: str, name: str) -> int:
    text = f"{source}\x1f{name}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
