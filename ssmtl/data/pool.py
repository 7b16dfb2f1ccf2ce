"""What a source holds, after its classes are renamed and shared patients are partitioned."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ssmtl.contracts.random_stream import permutation
from ssmtl.contracts.source import Example, Source
from ssmtl.data.identity import ImageIdentity, People, Person, identities_of
from ssmtl.data.mask_values import BACKGROUND, IGNORE
from ssmtl.data.masks import explained
from ssmtl.errors import DataError, nearest
from ssmtl.recipe.models import SourceEntry


@dataclass(frozen=True)
class SourceFiles:
    """The examples of every source a recipe uses, by source name; patients shared by two sources are partitioned.

    :param namespaces: by source, a word that is equal where patients are named alike; a source's own name if not given.
    """

    examples: Mapping[str, tuple[Example, ...]]
    entries: Mapping[str, SourceEntry]
    namespaces: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def identities(self) -> Mapping[str, tuple[ImageIdentity, ...]]:
        """Who each image is, in the order of the examples; the files are read when this is first asked for.

        :raises DataError: naming the file that cannot be read.
        """
        return {
            name: identities_of(examples, self.entries[name].on_error == "skip")
            for name, examples in self.examples.items()
        }

    @cached_property
    def people(self) -> People:
        """Which images show one person, across all sources."""
        return People(self.identities, {name: self.namespaces.get(name, name) for name in self.examples})

    def without(self, ids: Mapping[str, frozenset[str]]) -> "SourceFiles":
        """The same without some images. :param ids: by source."""

        def kept(name: str, images: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(image for image in images if image.id not in ids.get(name, frozenset()))

        rest = SourceFiles(
            {name: kept(name, examples) for name, examples in self.examples.items()}, self.entries, self.namespaces
        )
        rest.__dict__["identities"] = {name: kept(name, images) for name, images in self.identities.items()}
        return rest

    def persons(self, source: str) -> Mapping[str, Person]:
        """By image id."""
        return {image.id: self.people.person(source, image) for image in self.identities[source]}


def list_sources(
    entries: Mapping[str, SourceEntry],
    wanted: set[str],
    make: Callable[[str], Source],
    disjoint: list[tuple[str, str]],
    seed: int,
    namespaces: Mapping[str, str] | None = None,
) -> SourceFiles:
    """List the wanted sources, and those that they share patients with, so that a source is the same in every recipe.

    :param make: builds a source from its name.
    :param disjoint: pairs (a, b) of sources besides those of the entries: patients in both go to one of them only.
    :param namespaces: as in `SourceFiles`.
    :raises DataError: as the sources do; also for a source without images or with a duplicate id.
    """
    pairs = [(name, entry.disjoint_from) for name, entry in entries.items() if entry.disjoint_from]
    pairs += [pair for pair in disjoint if pair not in pairs and pair[0] != pair[1]]
    pairs = [pair for pair in pairs if wanted & set(pair)]
    wanted = wanted.union(*pairs)
    examples = {name: examples_of(name, entries[name], make(name)) for name in sorted(wanted)}
    for name, other in pairs:
        share = entries[name].share
        examples[name], examples[other] = _partition(examples[name], examples[other], share, seed, name, other)
    return SourceFiles(examples, entries, namespaces or {})


def examples_of(name: str, entry: SourceEntry, source: Source) -> tuple[Example, ...]:
    """What the source holds, with its classes renamed and its masks' values explained.

    :raises DataError: as the source does; also if it has no image, a duplicate id, or none of a class that is renamed.
    """
    try:
        examples = tuple(source.examples())
    except DataError as error:
        raise DataError(f"source '{name}': {error}") from error
    if not examples:
        raise DataError(f"the source '{name}' has no images")
    twice = [image for image, count in Counter(example.id for example in examples).items() if count > 1]
    if twice:
        raise DataError(f"the source '{name}' names the image '{twice[0]}' twice")
    if entry.rename:
        _check_renamed(name, entry, examples)
        examples = tuple(_renamed(example, entry.rename) for example in examples)
    if entry.values:
        _check_structures(name, entry, examples)
        examples = tuple(explained(example, entry.values) for example in examples)
    return examples


def _check_structures(name: str, entry: SourceEntry, examples: tuple[Example, ...]) -> None:
    structures = {structure for example in examples for structure in example.masks or ()}
    for structure in set(entry.values) - {IGNORE, BACKGROUND}:
        if structure not in structures:
            hint = nearest(structure, structures)
            raise DataError(f"source '{name}': values: no image has a mask of the structure '{structure}' ({hint})")


def _check_renamed(name: str, entry: SourceEntry, examples: tuple[Example, ...]) -> None:
    labels = {label for example in examples for label in example.labels or ()}
    for label in entry.rename:
        if label not in labels:
            hint = nearest(label, labels)
            raise DataError(f"source '{name}': rename: no image is labelled '{label}' ({hint})")


def _renamed(example: Example, names: Mapping[str, str | None]) -> Example:
    if example.labels is None:
        return example
    renamed = (names.get(label, label) for label in example.labels)
    return replace(example, labels=frozenset(label for label in renamed if label is not None))


def _partition(
    own: tuple[Example, ...], other: tuple[Example, ...], share: float, seed: int, name: str, other_name: str
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Patients in both go to `own` (a `share` of them) or to `other`; none stays in both."""
    common = sorted({example.patient for example in own} & {example.patient for example in other})
    order = permutation(len(common), seed, "disjoint", name, other_name)
    ours = {common[index] for index in order[: round(share * len(common))]}
    theirs = set(common) - ours
    return (
        tuple(example for example in own if example.patient not in theirs),
        tuple(example for example in other if example.patient not in ours),
    )
