"""What about people in the data may be a mistake; `ssmtl check` and `ssmtl run` say it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

from ssmtl.contracts.source import Example, Pixels
from ssmtl.data.identity import ImageIdentity, People
from ssmtl.data.mask_values import INSIDE
from ssmtl.data.masks import read_mask
from ssmtl.data.names import likeness
from ssmtl.data.pool import SourceFiles
from ssmtl.errors import DataError
from ssmtl.wording import counted, visible


def doubts_of(files: SourceFiles) -> list[str]:
    """One sentence for each doubt: patients of one source that look alike, a mask of several images, two sources that
    nearly name patients alike.
    """
    alike = (_look_alikes(name, images) for name, images in files.identities.items())
    masks = (_shared_masks(name, examples, files.identities[name]) for name, examples in files.examples.items())
    return [*(sentence for sentence in (*alike, *masks) if sentence), *_near_agreements(files.people)]


def _look_alikes(source: str, images: Sequence[ImageIdentity]) -> str | None:
    """An image that is its own patient says nothing about whom it shows."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for patient in {image.patient for image in images if image.patient != image.id}:
        spellings[likeness(patient)].add(patient)
    several = sorted(sorted(names) for names in spellings.values() if len(names) > 1)
    if not several:
        return None
    one, other = map(_visible, several[0][:2])
    more = f" ({counted(len(several), 'such case')})" if len(several) > 1 else ""
    return (
        f"source {source}: patients {one} and {other}: one person or two? They count as two{more}; "
        "write them alike if they are one"
    )


def _shared_masks(source: str, examples: Sequence[Example], images: Sequence[ImageIdentity]) -> str | None:
    """A table that was filled down gives every image the first one's mask. One in which nothing is inside may be of
    many.
    """
    shows: dict[str, set[str]] = defaultdict(set)
    masks: dict[str, Pixels] = {}
    for example, image in zip(examples, images, strict=True):
        for pixels in chain.from_iterable((example.masks or {}).values()):
            shows[pixels.name].add(image.content or image.id)
            masks[pixels.name] = pixels
    several = [name for name, shown in shows.items() if len(shown) > 1 and _has_something(masks[name])]
    if not several:
        return None
    more = f" ({counted(len(several), 'such mask')})" if len(several) > 1 else ""
    return (
        f"source {source}: {_visible(several[0])} is the mask of {len(shows[several[0]])} different images{more}; "
        "give each its own"
    )


def _has_something(mask: Pixels) -> bool:
    try:
        return bool((read_mask(mask) == INSIDE).any())
    except DataError:  # for whoever decodes it to say
        return False


def _visible(name: str) -> str:
    """In quotes, with escapes for what does not print, so that two names that look the same can be told apart."""
    return f"'{visible(name)}'"


def _near_agreements(people: People) -> Iterable[str]:
    for (one, other), (shared, agreeing) in sorted(people.agreements.items()):
        if shared / 2 <= agreeing < shared and not people.named_alike(one, other):
            yield (
                f"sources {one} and {other} share {counted(shared, 'image')} and agree on the patient of {agreeing} of "
                "them, so the names of their patients are not compared. If one name is one person in both, correct "
                "the others and set `patients:` in both to the same word"
            )
