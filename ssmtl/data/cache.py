"""The decoded-image cache: images decoded, converted and resized once, into memory-mapped files keyed by content."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

from ssmtl.atomic_file import publish
from ssmtl.contracts.shapes import Size
from ssmtl.contracts.source import Example
from ssmtl.data.building import building_in, clear_abandoned
from ssmtl.data.cache_folder import cache_folder
from ssmtl.data.entry import HASH, Form, Progress, digest_of, no_progress, write_entry
from ssmtl.data.fit import How
from ssmtl.data.identity import ImageIdentity, identities_of
from ssmtl.regular_file import check_file, read_text

FORMAT = 5
"""Increased when what is written for the same content changes."""

DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError, SyntaxError, TokenError)
"""What reading an entry raises that a killed process, a full disk or another program left behind."""


@dataclass(frozen=True)
class Decoded:
    """The decoded images of one source; row i is example i.

    :param images: (examples, channels, height, width) uint8, memory-mapped.
    :param masks: (examples, structures, height, width) uint8 0/1, 255 where
        nothing is known; zero where an example has none. None: not requested.
    :param structures: names of the masks' channels. With `fit: pad` there is one more, 1 where the image is.
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
    size: Size,
    channels: int,
    structures: tuple[str, ...] = (),
    *,
    fit: How = "stretch",
    skip: bool = False,
    identities: Sequence[ImageIdentity] | None = None,
    folder: Path | None = None,
    progress: Progress = no_progress,
) -> Decoded:
    """The decoded images, from the cache or newly built. Two processes may build the same entry at once.

    :param structures: masks to decode; empty: none. :param fit: of images of another shape.
    :param identities: of the examples, if they are known: no file is then read to find out.
    :param skip: leave out images that do not decode, instead of raising an error.
    :raises DataError: naming the file that does not decode, or the mask whose size does not fit.
    """
    fingerprint = _fingerprint(identities or identities_of(examples, skip), structures)
    form = Form(size, channels, structures, skip, fit)
    words = f"{FORMAT} {fingerprint} {size} {channels} {structures} {skip}" + (" pad" if fit == "pad" else "")
    name = hashlib.sha256(words.encode()).hexdigest()[:32]
    root = folder or cache_folder()
    place = root / name
    try:
        return _opened(place, form, fingerprint)
    except DAMAGE:  # or missing
        root.mkdir(parents=True, exist_ok=True)
        clear_abandoned(root)
    with building_in(root) as building:
        write_entry(building, name, examples, form, progress)
        _publish(building, place, form, fingerprint)
    return _opened(place, form, fingerprint, verify=False)


def _opened(place: Path, form: Form, fingerprint: str, verify: bool = True) -> Decoded:
    """:param verify: whether to compare the arrays with their checksums, for which they are read in full.

    :raises OSError, ValueError, …: one of DAMAGE, if the entry is incomplete or not as it was written."""
    record = json.loads(read_text(place / "done.json"))
    done = record["content"]
    if record["checksum"] != digest_of(done):
        raise ValueError("done.json is not as it was written")
    if done["entry"] != place.name:
        raise ValueError(f"it is the entry {done['entry']!r:.80}")
    for name, checksum in dict(done["files"]).items():
        check_file(place / name)
        if verify and _checksum(place / name) != checksum:
            raise ValueError(f"{name} is not as it was written")
    skipped = dict(done["skipped"])
    images = np.load(place / "images.npy", mmap_mode="r")
    masks = np.load(place / "masks.npy", mmap_mode="r") if form.masks else None
    return Decoded(images, masks, form.structures, skipped, fingerprint)


def _fingerprint(identities: Sequence[ImageIdentity], structures: tuple[str, ...]) -> str:
    """Hash of the ids and of the content of every image and mask needed."""
    digest = hashlib.sha256()
    for image in identities:
        masks = dict(image.masks or ())
        needed = [(name, masks.get(name, ())) for name in structures]
        digest.update(repr((image.id, image.mask_scale, image.content, needed)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _publish(building: Path, place: Path, form: Form, fingerprint: str) -> None:
    """Rename into place; if another process was first, its entry stays; a damaged entry is replaced."""
    try:
        publish(building, place)
    except OSError:
        try:
            _opened(place, form, fingerprint)
        except DAMAGE:
            shutil.rmtree(place, ignore_errors=True)
            publish(building, place)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, HASH).hexdigest()
