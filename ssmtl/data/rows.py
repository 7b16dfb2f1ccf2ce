"""Rows: some images of a source, decoded, with targets and identities for one task."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
