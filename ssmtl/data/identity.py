"""Who an image is: its content, its patient, and what is said about it."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

from ssmtl.contracts.source import Example, Pixels
from ssmtl.data.file_hashes import FILE_HASHES
from ssmtl.data.images import ImageFile
from ssmtl.data.threads import thread_count
from ssmtl.errors import DataError

UNREADABLE = "unreadable"
"""In place of the fingerprint of a mask that cannot be read and may be skipped."""


BLOCK = 64
"""Images that a thread takes at once."""


@dataclass(frozen=True)
class ImageIdentity:
    """Of one image of a source.

    :param content: fingerprint of the image; equal for byte-identical copies. Empty if it cannot be read.
    :param masks: by structure, the fingerprints of its masks; UNREADABLE for one that cannot be read.
    """

    id: str
    patient: str
    content: str
    labels: tuple[str, ...] | None = None
    masks: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    split: str | None = None
    mask_scale: float = 1.0
    unknown: tuple[str, ...] = ()
    numbers: tuple[tuple[str, float], ...] = ()

    def line(self) -> str:
        """All of it as text; equal lines are equal images with equal knowledge of them."""
        said = (self.id, self.patient, self.content, self.labels, self.masks, self.split, self.mask_scale)
        more = (self.unknown, self.numbers) if self.numbers else (self.unknown,) if self.unknown else ()
        return repr((*said, *more))

    def digest(self) -> str:
        """A hash of all of it."""
        return hashlib.sha256(self.line().encode("utf-8", "surrogateescape")).hexdigest()[:16]


def identities_of(examples: Sequence[Example], skip: bool = False) -> tuple[ImageIdentity, ...]:
    """Every image's identity, in order; each file is read once.

    :param skip: whether an image or mask that cannot be read is left for later to skip; who the image is does not
        depend on its masks.
    :raises DataError: naming the file that cannot be read.
    """

    def content_of(pixels: Pixels, unreadable: str) -> str:
        try:
            return pixels.fingerprint()
        except DataError:
            if not skip:
                raise
            return unreadable

    def one(example: Example) -> ImageIdentity:
        content = content_of(example.image, "")
        masks = tuple(
            (name, tuple(content_of(part, UNREADABLE) for part in parts))
            for name, parts in sorted((example.masks or {}).items())
        )
        labels = None if example.labels is None else tuple(sorted(example.labels))
        return ImageIdentity(
            example.id, example.patient, content, labels, masks or None, example.split, example.mask_scale,
            tuple(sorted(example.unknown)), tuple(sorted((example.numbers or {}).items())),
        )  # fmt: skip

    def several(start: int) -> list[ImageIdentity]:
        return [one(example) for example in examples[start : start + BLOCK]]

    with FILE_HASHES.stored(_folders(examples)), ThreadPoolExecutor(thread_count()) as threads:
        blocks = threads.map(several, range(0, len(examples), BLOCK))
        return tuple(identity for block in blocks for identity in block)


def _folders(examples: Sequence[Example]) -> set[str]:
    """Those of the image files, absolute."""
    here = os.getcwd()
    folders = {os.path.dirname(str(one.image.path)) for one in examples if isinstance(one.image, ImageFile)}
    return {os.path.join(here, folder) for folder in folders}


def fingerprint_of(identities: Iterable[ImageIdentity]) -> str:
    """Of a whole source: images, patients, labels, masks and its own split."""
    digest = hashlib.sha256()
    for identity in identities:
        digest.update(identity.line().encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()[:16]


def data_digest(fingerprints: Mapping[str, str]) -> str:
    """A hash of all sources' content. :param fingerprints: by source."""
    return hashlib.sha256(repr(sorted(fingerprints.items())).encode()).hexdigest()[:16]


Person = tuple[str, ...]
"""Equal for two images if and only if they show one person."""


class People:
    """Which images of several sources show one person.

    Two images do if their contents are equal, or if they are of one patient. Patients of two sources are compared by
    name where the sources share a namespace, or where they share images and call the patients of those alike.

    :param identities: by source. :param namespaces: by source, a word that is equal where patients are named alike.
    :ivar agreements: by two sources with images in common, the number of these, and of those among them whose patients
        both call alike.
    """

    def __init__(self, identities: Mapping[str, Sequence[ImageIdentity]], namespaces: Mapping[str, str]) -> None:
        self._parent: dict[Person, Person] = {}
        self._space = dict(namespaces)
        self.agreements: dict[tuple[str, str], tuple[int, int]] = {}
        self._merge_namespaces(identities)
        for source, images in identities.items():
            for image in images:
                if image.content:
                    self._join(("content", image.content), self._patient(source, image.patient))

    def person(self, source: str, image: ImageIdentity) -> Person:
        """Whom the image shows."""
        return self._root(self._patient(source, image.patient))

    def named_alike(self, one: str, other: str) -> bool:
        """Whether patients of two sources are compared by name."""
        return self._space[one] == self._space[other]

    def _patient(self, source: str, patient: str) -> Person:
        return "patient", self._space[source], patient

    def _merge_namespaces(self, identities: Mapping[str, Sequence[ImageIdentity]]) -> None:
        owners: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        contents = [{image.content for image in images if image.content} for images in identities.values()]
        shared_contents = {one for one, sources in Counter(chain.from_iterable(contents)).items() if sources > 1}
        for source, images in identities.items():
            for image in images:
                if image.content in shared_contents:
                    owners[image.content][source].add(image.patient)
        for by_source in owners.values():
            names = sorted(by_source)
            for place, one in enumerate(names):
                for other in names[place + 1 :]:
                    shared, agreeing = self.agreements.get((one, other), (0, 0))
                    same = by_source[one] == by_source[other]
                    self.agreements[one, other] = shared + 1, agreeing + same
        for (one, other), (shared, agreeing) in self.agreements.items():
            if shared == agreeing:
                before, after = self._space[other], self._space[one]
                self._space = {source: after if space == before else space for source, space in self._space.items()}

    def _root(self, node: Person) -> Person:
        parent = self._parent.setdefault(node, node)
        while parent != node:
            self._parent[node] = self._parent.setdefault(parent, parent)
            node, parent = parent, self._parent[parent]
        return node

    def _join(self, one: Person, other: Person) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first
