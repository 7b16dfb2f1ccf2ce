"""Images of other sources that join a source without what is known of them, for its tasks' unlabelled pools."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ssmtl.contracts.source import Example, SplitName
from ssmtl.data.identity import ImageIdentity

if TYPE_CHECKING:
    from ssmtl.data.pool import SourceFiles


def with_lent(files: "SourceFiles") -> "SourceFiles":
    """Each source with the images that its entry's `unlabeled` takes from others, as they were before any took some.

    They are called SOURCE/ID, and their patients SOURCE/PATIENT; who they are is who they are in their own source. They
    have no label, number or mask. Images of the other's own validation or test part stay there. Files are read to tell
    who everybody is, if an entry takes any.
    """
    examples, identities = dict(files.examples), dict(files.identities) if _takers(files) else {}
    for name in _takers(files):
        split: SplitName | None = "train" if any(example.split for example in files.examples[name]) else None
        for other in files.entries[name].unlabeled:
            lent = {one.id for one in files.examples[other] if one.split in (None, "train")}
            examples[name] += tuple(_bare(one, other, split) for one in files.examples[other] if one.id in lent)
            for image in files.identities[other]:
                if image.id in lent:
                    mine = ImageIdentity(f"{other}/{image.id}", f"{other}/{image.patient}", image.content, split=split)
                    identities[name] += (mine,)
                    files.people.join(name, mine.patient, other, image.patient)
    if not identities:
        return files
    result = replace(files, examples=examples)
    result.__dict__.update(people=files.people, identities=identities)
    return result


def _takers(files: "SourceFiles") -> list[str]:
    return [name for name in files.examples if files.entries[name].unlabeled]


def _bare(example: Example, source: str, split: SplitName | None) -> Example:
    return Example(
        f"{source}/{example.id}", f"{source}/{example.patient}", example.image, split=split, groups=example.groups
    )
