"""What about people in the data may be a mistake; `ssmtl check` and `ssmtl run` say it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ssmtl.data.identity import ImageIdentity, People
from ssmtl.data.names import likeness
from ssmtl.data.pool import SourceFiles
from ssmtl.wording import counted, visible


def doubts_of(files: SourceFiles) -> list[str]:
    """One sentence for each doubt: patients of one source that look alike, sources that nearly name patients alike."""
    alike = (_look_alikes(name, images) for name, images in files.identities.items())
    return [*(sentence for sentence in alike if sentence), *_near_agreements(files.people)]


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
