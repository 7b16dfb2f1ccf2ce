"""What a source holds, after its classes are renamed and shared patients are partitioned."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ssmtl.contracts.source import Example, Source
from ssmtl.data.disjoint import Pair, by_groups, linked, without_common
from ssmtl.data.identity import ImageIdentity, People, Person, identities_of
from ssmtl.data.mask_values import BACKGROUND, IGNORE
from ssmtl.data.masks import explained
from ssmtl.data.names import tidy
from ssmtl.data.portion import within_portions
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
    def listed(self) -> Mapping[str, tuple[ImageIdentity, ...]]:
        """Who each image is that the sources list, also of those that were taken out (`without`)."""
        return self.identities

    @cached_property
    def people(self) -> People:
        """Which images show one person, across all sources."""
        return People(self.identities, {name: self.namespaces.get(name, name) for name in self.examples})

    def without(self, ids: Mapping[str, frozenset[str]]) -> "SourceFiles":
        """The same without some images, which still tell whom the others show. :param ids: by source."""

        def kept(name: str, images: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(image for image in images if image.id not in ids.get(name, frozenset()))

        rest = SourceFiles(
            {name: kept(name, examples) for name, examples in self.examples.items()}, self.entries, self.namespaces
        )
        rest.__dict__["people"] = self.people
        rest.__dict__["listed"] = self.listed
        rest.__dict__["identities"] = {name: kept(name, images) for name, images in self.identities.items()}
        return rest

    def only(self, names: Iterable[str]) -> "SourceFiles":
        """Some of the sources, as if there were no others."""
        some = SourceFiles({name: self.examples[name] for name in names}, self.entries, self.namespaces)
        some.__dict__["identities"] = {name: self.identities[name] for name in some.examples}
        return some

    def persons(self, source: str) -> Mapping[str, Person]:
        """By image id."""
        return {image.id: self.people.person(source, image) for image in self.identities[source]}


def list_sources(
    entries: Mapping[str, SourceEntry],
    wanted: set[str],
    make: Callable[[str], Source],
    disjoint: list[Pair],
    seed: int,
    namespaces: Mapping[str, str] | None = None,
) -> SourceFiles:
    """List the wanted sources, and those that `disjoint_from` leads to from them, through any number of steps.

    Whom a source loses by the entries' `disjoint_from` depends on those sources alone: it is the same in every recipe.
    Image files are read only if two sources are to be disjoint, to tell who is in both, or a source is a portion of its
    patients, of whom one may have two names.

    :param make: builds a source from its name.
    :param disjoint: pairs of wanted sources besides those of the entries: whoever is in both goes to one of them only.
    :param namespaces: as in `SourceFiles`.
    :raises DataError: as the sources do; also for a source without images or with a duplicate id.
    """
    pairs = sorted((name, entry.disjoint_from) for name, entry in entries.items() if entry.disjoint_from)
    examples = {name: examples_of(name, entries[name], make(name)) for name in sorted(linked(wanted, pairs))}
    files = within_portions(SourceFiles(examples, entries, namespaces or {}))
    files = by_groups(files, [pair for pair in pairs if pair[0] in examples], seed)
    return without_common(files, [pair for pair in disjoint if pair not in pairs and pair[0] != pair[1]], seed)


def examples_of(name: str, entry: SourceEntry, source: Source) -> tuple[Example, ...]:
    """What the source holds, with its classes renamed and its masks' values explained.

    :raises DataError: as the source does; also if it has no image, a duplicate id, or none of a class that is renamed.
    """
    try:
        examples = tuple(source.examples())
    except DataError as error:
        raise DataError(f"source '{name}': {error}") from error
    examples = tuple(_tidied(one) for one in examples)
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


def _tidied(example: Example) -> Example:
    image, patient = tidy(example.id), tidy(example.patient)
    same = (image, patient) == (example.id, example.patient)
    return example if same else replace(example, id=image, patient=patient)


def _check_structures(name: str, entry: SourceEntry, examples: tuple[Example, ...]) -> None:
    structures = {structure for example in examples for structure in example.masks or ()}
    for structure in set(entry.values) - {IGNORE, BACKGROUND}:
        if structure not in structures:
            hint = nearest(structure, structures)
            raise DataError(f"source '{name}': values: no image has a mask of the structure '{structure}' ({hint})")


def _check_renamed(name: str, entry: SourceEntry, examples: tuple[Example, ...]) -> None:
    labels = {label for example in examples for label in (*(example.labels or ()), *example.unknown)}
    for label in entry.rename:
        if label not in labels:
            hint = nearest(label, labels)
            raise DataError(f"source '{name}': rename: no image is labelled '{label}' ({hint})")


def _renamed(example: Example, names: Mapping[str, str | None]) -> Example:
    if example.labels is None:
        return example

    def renamed(labels: frozenset[str]) -> frozenset[str]:
        return frozenset(new for label in labels if (new := names.get(label, label)) is not None)

    labels = renamed(example.labels)
    return replace(example, labels=labels, unknown=renamed(example.unknown) - labels)
