"""The decoded-image cache: images decoded, converted and resized once, into memory-mapped files keyed by content."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssmtl.atomic_file import publish
from ssmtl.contracts.source import Example
from ssmtl.data.building import building_in, clear_abandoned
from ssmtl.data.cache_folder import cache_folder
from ssmtl.data.identity import ImageIdentity, identities_of
from ssmtl.data.images import grey_uint8
from ssmtl.data.masks import mask_uint8
from ssmtl.data.threads import thread_count
from ssmtl.errors import DataError
from ssmtl.regular_file import check_file, read_text
from ssmtl.wording import counted

FORMAT = 5
"""Increased when what is written for the same content changes."""

DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError, SyntaxError, TokenError)
"""What reading an entry raises that a killed process, a full disk or another program left behind."""

Progress = Callable[[str, int], Callable[[], None]]
"""Takes a description of the work and its number of steps; returns what to call after each step."""


def no_progress(_what: str, _steps: int) -> Callable[[], None]:
    """A `Progress` that shows nothing."""
    return lambda: None


@dataclass(frozen=True)
class Decoded:
    """The decoded images of one source; row i is example i.

    :param images: (examples, channels, size, size) uint8, memory-mapped.
    :param masks: (examples, structures, size, size) uint8 0/1, 255 where
        nothing is known; zero where an example has none. None: not requested.
    :param structures: names of the masks' channels.
    :param skipped: ids of images that did not decode, and why (`on_error: skip`); their rows are zero.
    :param fingerprint: hash of all content, for the run's record.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8] | None
    structures: tuple[str, ...]
    skipped: dict[str, str]
    fingerprint: str


def decode(
    examples: Sequence[Example],
    size: int,
    channels: int,
    structures: tuple[str, ...] = (),
    *,
    skip: bool = False,
    identities: Sequence[ImageIdentity] | None = None,
    folder: Path | None = None,
    progress: Progress = no_progress,
) -> Decoded:
    """The decoded images, from the cache or newly built. Two processes may build the same entry at once.

    :param structures: masks to decode; empty: none.
    :param identities: of the examples, if they are known: no file is then read to find out.
    :param skip: leave out images that do not decode, instead of raising an error.
    :raises DataError: naming the file that does not decode, or the mask whose size does not fit.
    """
    fingerprint = _fingerprint(identities or identities_of(examples, skip), structures)
    name = hashlib.sha256(f"{FORMAT} {fingerprint} {size} {channels} {structures} {skip}".encode()).hexdigest()[:32]
    root = folder or cache_folder()
    place = root / name
    try:
        return _opened(place, structures, fingerprint)
    except DAMAGE:  # or missing
        root.mkdir(parents=True, exist_ok=True)
        clear_abandoned(root)
    with building_in(root) as building:
        _build(building, name, examples, size, channels, structures, skip, progress)
        _publish(building, place, structures, fingerprint)
    return _opened(place, structures, fingerprint)


def _opened(place: Path, structures: tuple[str, ...], fingerprint: str) -> Decoded:
    """:raises OSError, ValueError, …: one of DAMAGE, if the entry is incomplete or not as it was written."""
    record = json.loads(read_text(place / "done.json"))
    done = record["content"]
    if record["checksum"] != _digest(done):
        raise ValueError("done.json is not as it was written")
    if done["entry"] != place.name:
        raise ValueError(f"it is the entry {done['entry']!r:.80}")
    for name, checksum in dict(done["files"]).items():
        check_file(place / name)
        if _checksum(place / name) != checksum:
            raise ValueError(f"{name} is not as it was written")
    skipped = dict(done["skipped"])
    images = np.load(place / "images.npy", mmap_mode="r")
    masks = np.load(place / "masks.npy", mmap_mode="r") if structures else None
    return Decoded(images, masks, structures, skipped, fingerprint)


def _fingerprint(identities: Sequence[ImageIdentity], structures: tuple[str, ...]) -> str:
    """Hash of the ids and of the content of every image and mask needed."""
    digest = hashlib.sha256()
    for image in identities:
        masks = dict(image.masks or ())
        needed = [(name, masks.get(name, ())) for name in structures]
        digest.update(repr((image.id, image.mask_scale, image.content, needed)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _build(
    place: Path,
    entry: str,
    examples: Sequence[Example],
    size: int,
    channels: int,
    structures: tuple[str, ...],
    skip: bool,
    progress: Progress,
) -> None:
    shape = (len(examples), channels, size, size)
    images = _reserved(place / "images.npy", shape)
    masks = None
    if structures:
        shape = (len(examples), len(structures), size, size)
        masks = _reserved(place / "masks.npy", shape)
    skipped: dict[str, str] = {}

    def one(row: int) -> None:
        example = examples[row]
        try:
            images[row], original = grey_uint8(example.image, size, channels)
            for number, structure in enumerate(structures):
                parts = (example.masks or {}).get(structure)
                if parts is not None and masks is not None:
                    masks[row, number] = mask_uint8(parts, size, original, example.mask_scale, example.image.name)
        except DataError as error:
            if not skip:
                raise
            images[row] = 0
            skipped[example.id] = str(error)

    done = progress(f"decoding {counted(len(examples), 'image')}", len(examples))
    with ThreadPoolExecutor(thread_count()) as threads:
        for _ in _unordered(threads, one, len(examples)):
            done()
    images.flush()
    if masks is not None:
        masks.flush()
    files = {path.name: _checksum(path) for path in sorted(place.glob("*.npy"))}
    content = {"entry": entry, "skipped": dict(sorted(skipped.items())), "files": files}
    (place / "done.json").write_text(json.dumps({"content": content, "checksum": _digest(content)}), encoding="utf-8")


def _reserved(path: Path, shape: tuple[int, ...]) -> "np.memmap[Any, np.dtype[np.uint8]]":
    """A memory-mapped array whose disk space is reserved now: a full disk is an error here, not a crash later.

    :raises OSError: if the disk is full.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _unordered(threads: ThreadPoolExecutor, one: Callable[[int], None], rows: int) -> Iterable[None]:
    """Results in order; the first error stops the rest."""
    futures = [threads.submit(one, row) for row in range(rows)]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _publish(building: Path, place: Path, structures: tuple[str, ...], fingerprint: str) -> None:
    """Rename into place; if another process was first, its entry stays; a damaged entry is replaced."""
    try:
        publish(building, place)
    except OSError:
        try:
            _opened(place, structures, fingerprint)
        except DAMAGE:
            shutil.rmtree(place, ignore_errors=True)
            publish(building, place)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()
