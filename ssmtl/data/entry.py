"""Writing one entry of the cache: threads decode, one writes and hashes what they decoded, in the order of the rows."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ssmtl.contracts.shapes import Size, sides
from ssmtl.contracts.source import Example
from ssmtl.data.fit import Fit, How
from ssmtl.data.images import grey_uint8
from ssmtl.data.in_order import in_order
from ssmtl.data.masks import mask_uint8
from ssmtl.errors import DataError
from ssmtl.wording import counted

HASH = "blake2b"
"""Of the arrays."""

TOGETHER, BYTES = 16, 2**22
"""How many images one thread decodes before it hands them over, and at most how many bytes of them."""

Progress = Callable[[str, int], Callable[[], None]]
"""Takes a description of the work and its number of steps; returns what to call after each step."""


def no_progress(_what: str, _steps: int) -> Callable[[], None]:
    """A `Progress` that shows nothing."""
    return lambda: None


@dataclass(frozen=True)
class Form:
    """What images become.

    :param structures: masks to decode; empty: none. :param skip: leave out images that do not decode.
    :param fit: into that size; with `pad`, the masks have one more channel, 1 where the image is.
    """

    size: Size
    channels: int
    structures: tuple[str, ...]
    skip: bool
    fit: How = "stretch"

    @property
    def masks(self) -> int:
        """Channels of the masks."""
        return len(self.structures) + (self.fit == "pad")


@dataclass(frozen=True)
class DecodedRows:
    """Some rows, as they are stored. :param skipped: ids of images that did not decode, and why."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    skipped: dict[str, str]


class ArrayFile:
    """An .npy file of uint8 that is written row by row.

    Its disk space is reserved at once: a full disk is an error now, not after hours of decoding.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, ...]) -> None:
        """:raises OSError: if the disk is full."""
        self._file, self._hash = file, hashlib.new(HASH)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, file.tell() + int(np.prod(shape)))
        self._hash.update(Path(file.name).read_bytes()[: file.tell()])

    def write(self, rows: NDArray[np.uint8]) -> None:
        """The next rows."""
        self._hash.update(rows.data)
        self._file.write(rows.data)

    def checksum(self) -> str:
        """Of everything written."""
        return self._hash.hexdigest()


def write_entry(place: Path, entry: str, examples: Sequence[Example], form: Form, progress: Progress) -> None:
    """images.npy, masks.npy if the form has masks, and done.json with their checksums.

    :raises DataError: as `decode`; the first in the order of the examples. :raises OSError: if the disk is full.
    """
    kinds = {"images.npy": form.channels} | ({"masks.npy": form.masks} if form.masks else {})
    height, width = sides(form.size)
    row = sum(kinds.values()) * height * width
    together = max(min(TOGETHER, BYTES // row), 1)
    groups = (examples[start : start + together] for start in range(0, len(examples), together))
    skipped: dict[str, str] = {}
    done = progress(f"decoding {counted(len(examples), 'image')}", len(examples))
    with ExitStack() as opened:
        files = {
            name: ArrayFile(opened.enter_context((place / name).open("wb")), (len(examples), count, height, width))
            for name, count in kinds.items()
        }
        for rows in in_order(lambda group: _decoded(group, form), groups):
            files["images.npy"].write(rows.images)
            if form.masks:
                files["masks.npy"].write(rows.masks)
            skipped.update(rows.skipped)
            for _ in range(len(rows.images)):
                done()
    content = {
        "entry": entry,
        "skipped": dict(sorted(skipped.items())),
        "files": {name: file.checksum() for name, file in files.items()},
    }
    (place / "done.json").write_text(json.dumps({"content": content, "checksum": digest_of(content)}), encoding="utf-8")


def digest_of(content: Any) -> str:
    """Of what done.json says."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _decoded(examples: Sequence[Example], form: Form) -> DecodedRows:
    images = np.zeros((len(examples), form.channels, *sides(form.size)), np.uint8)
    masks = np.zeros((len(examples), form.masks, *sides(form.size)), np.uint8)
    skipped = {}
    for row, example in enumerate(examples):
        try:
            images[row], original = grey_uint8(example.image, form.size, form.channels, form.fit)
            for number, structure in enumerate(form.structures):
                parts = (example.masks or {}).get(structure)
                if parts is not None:
                    scale, name = example.mask_scale, example.image.name
                    masks[row, number] = mask_uint8(parts, form.size, original, scale, name, form.fit)
            if form.fit == "pad":
                masks[row, -1][Fit(form.size, form.fit).window(original.height, original.width)] = 1
        except DataError as error:
            if not form.skip:
                raise
            images[row] = 0
            skipped[example.id] = str(error)
    return DecodedRows(images, masks, skipped)
