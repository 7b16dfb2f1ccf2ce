"""What a source holds, after its classes are renamed and shared patients are partitioned."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ssmtl.contracts.random_stream import permutation
from ssmtl.contracts.source import Example, Source
from ssmtl.data.mask_values import BACKGROUND, IGNORE
from ssmtl.data.masks import explained
from ssmtl.errors import DataError, nearest
from ssmtl.recipe.models import SourceEntry


@dataclass(frozen=True)
class SourceFiles:
    """The examples of every source a recipe uses, by source name; patients shared by two sources are partitioned."""

    examples: Mapping[str, tuple[Example, ...]]
    entries: Mapping[str, SourceEntry]


def list_sources(
    entries: Mapping[str, SourceEntry],
    wanted: set[str],
    make: Callable[[str], Source],
    disjoint: list[tuple[str, str]],
    seed: int,
) -> SourceFiles:
    """List the wanted sources, and those that they share patients with, so that a source is the same in every recipe.

    :param make: builds a source from its name.
    :param disjoint: pairs (a, b) of sources besides those of the entries: patients in both go to one of them only.
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
    return SourceFiles(examples, entries)


def examples_of(name: str, entry: SourceEntry, source: Source) -> tuple[Example, ...]:
    """What the source holds, with its classes renamed and its masks' values explained.

    :raises DataError: as the source does; also if it has no image, or a duplicate id.
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
