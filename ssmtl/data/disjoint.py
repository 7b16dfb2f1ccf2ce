"""Two sources, or two tasks of one source, that are to have nobody in common."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ssmtl.contracts.random_stream import permutation
from ssmtl.contracts.source import Example
from ssmtl.data.identity import Person

if TYPE_CHECKING:
    from ssmtl.data.pool import SourceFiles

Pair = tuple[str, str]
"""Two sources; the first is the one whose entry says `disjoint_from`."""


def in_common(
    own: Sequence[Example], persons: Mapping[str, Person], others: Iterable[Person], seed: int, *key: str
) -> list[Person]:
    """The persons in both, in an order that depends on the seed, the key, and their names in `own` only.

    :param own: images of one source. :param persons: by image id, whom it shows. :param others: of the other side.
    """
    names: dict[Person, str] = {}
    for example in own:
        person = persons[example.id]
        names[person] = min(names.get(person, example.patient), example.patient)
    common = sorted(names.keys() & set(others), key=lambda person: names[person])
    return [common[index] for index in permutation(len(common), seed, "disjoint", *key)]


def linked(wanted: Iterable[str], pairs: Sequence[Pair]) -> set[str]:
    """The wanted sources and all that pairs lead to from them, through any number of steps."""
    found = set(wanted)
    while new := {name for pair in pairs if found & set(pair) for name in pair} - found:
        found |= new
    return found


def by_groups(files: "SourceFiles", pairs: Sequence[Pair], seed: int) -> "SourceFiles":
    """As `without_common`, where sources that no pair connects do not change who is whom for each other."""
    for group in {frozenset(linked({name}, pairs)) for name, _ in pairs}:
        alone = without_common(files.only(group), [pair for pair in pairs if pair[0] in group], seed)
        kept = {name: {example.id for example in alone.examples[name]} for name in group}
        files = files.without({
            name: frozenset(example.id for example in files.examples[name]) - kept[name] for name in group
        })  # fmt: skip
    return files


def without_common(files: "SourceFiles", pairs: Sequence[Pair], seed: int) -> "SourceFiles":
    """The same, where persons in both sources of a pair are in one only; the first gets its entry's `share` of them."""
    for name, other in pairs:
        ours, theirs = files.persons(name), files.persons(other)
        drawn = in_common(files.examples[name], ours, theirs.values(), seed, name, other)
        here = set(drawn[: round(files.entries[name].share * len(drawn))])
        there = set(drawn) - here
        files = files.without({
            name: frozenset(one for one, person in ours.items() if person in there),
            other: frozenset(one for one, person in theirs.items() if person in here),
        })  # fmt: skip
    return files
