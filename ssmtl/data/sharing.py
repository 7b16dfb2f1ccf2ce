"""What each source holds, and whom two of them share: printed by `ssmtl check`."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ssmtl.contracts.head import Output
from ssmtl.data.budget import known_names
from ssmtl.data.identity import ImageIdentity, Person
from ssmtl.data.pool import SourceFiles
from ssmtl.data.split_file import TaskSplit


@dataclass(frozen=True)
class SourceCounts:
    """:param labeled: images with a class or a number. :param masked: images with a mask.

    :param copies: images whose bytes equal those of an image before them.
    :param labels_differ: sets of equal images of which two have different classes. :param masks_differ: likewise.
    """

    images: int
    patients: int
    labeled: int
    masked: int
    copies: int
    labels_differ: int
    masks_differ: int


@dataclass(frozen=True)
class Shared:
    """What two sources have in common. :param images: distinct images of `one` that `other` holds too."""

    one: str
    other: str
    images: int
    patients: int


@dataclass(frozen=True)
class PartCounts:
    """Of one part of one task.

    :param part: labeled, unlabeled, val or test.DOMAIN. :param classes: images of each, where the task knows them.
    :param known: for each class or structure that is not known in all images, in how many it is.
    """

    task: str
    part: str
    source: str
    images: int
    patients: int
    classes: Mapping[str, int]
    known: Mapping[str, int]


def counts_of(files: SourceFiles) -> dict[str, SourceCounts]:
    """By source."""
    return {name: _counts(images, set(files.persons(name).values())) for name, images in files.identities.items()}


def _counts(images: Sequence[ImageIdentity], persons: set[Person]) -> SourceCounts:
    labels, masks = defaultdict(set), defaultdict(set)
    for image in images:
        content = image.content or f"unreadable {image.id}"
        labels[content].update([image.labels] if image.labels else [])
        masks[content].update([image.masks] if image.masks else [])
    contents = {image.content or f"unreadable {image.id}" for image in images}
    return SourceCounts(
        images=len(images),
        patients=len(persons),
        labeled=sum(bool(image.labels or image.numbers) for image in images),
        masked=sum(bool(image.masks) for image in images),
        copies=len(images) - len(contents),
        labels_differ=sum(len(known) > 1 for known in labels.values()),
        masks_differ=sum(len(known) > 1 for known in masks.values()),
    )


def shared_between(files: SourceFiles) -> list[Shared]:
    """Every pair of sources that have images or patients in common."""
    contents = {name: {one.content for one in images if one.content} for name, images in files.identities.items()}
    persons = {name: set(files.persons(name).values()) for name in files.identities}
    pairs = [
        Shared(one, other, len(contents[one] & contents[other]), len(persons[one] & persons[other]))
        for one, other in combinations(sorted(contents), 2)
    ]
    return [pair for pair in pairs if pair.images or pair.patients]


def parts_counted(
    splits: Mapping[str, TaskSplit], files: SourceFiles, outputs: Mapping[str, Output]
) -> list[PartCounts]:
    """One for each part of each task, in order. :param outputs: of the heads, by task."""
    persons = {name: files.persons(name) for name in files.identities}
    labels = {name: {one.id: one.labels or () for one in images} for name, images in files.identities.items()}
    examples = {name: {one.id: one for one in listed} for name, listed in files.examples.items()}
    rows = []
    for task, split in splits.items():
        output = outputs[task]
        classes = () if output.kind in ("masks", "numbers") else output.classes
        parts = {"labeled": split.labeled, "unlabeled": split.unlabeled, "val": split.val}
        named = [(part, split.source, ids) for part, ids in parts.items() if part != "unlabeled"]
        pool = [("unlabeled", source, ids) for source, ids in (split.pool or {split.source: []}).items()]
        named[1:1] = pool
        named += [(f"test.{domain}", part.source, part.ids) for domain, part in split.test.items()]
        for part, source, ids in named if output.has_labels else pool:
            people = {persons[source][one] for one in ids}
            known = [label for one in ids for label in labels[source][one] if part != "unlabeled"]
            counts = {name: known.count(name) for name in classes} if known else {}
            shown = Counter(name for one in ids for name in known_names(examples[source][one], output))
            some = part != "unlabeled" and output.kind != "multiclass" and any(shown[name] < len(ids) for name in shown)
            least = {name: shown[name] for name in output.classes} if some else {}
            rows.append(PartCounts(task, part, source, len(ids), len(people), counts, least))
    return rows
