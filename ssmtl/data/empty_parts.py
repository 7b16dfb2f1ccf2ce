"""Why a task has no image to be scored by: sentences for errors."""

from collections.abc import Sequence

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example, SplitName
from ssmtl.data.budget import is_labeled
from ssmtl.data.parts import DEFAULT_TEST, DEFAULT_VAL
from ssmtl.errors import nearest
from ssmtl.recipe.models import SourceEntry
from ssmtl.wording import counted

DEFAULTS = {"val": DEFAULT_VAL, "test": DEFAULT_TEST}


def what_lacks(examples: Sequence[Example], output: Output) -> str | None:
    """What none of the images has and a head with this output needs, such as a structure; None if one has all of it."""
    if any(is_labeled(example, output) for example in examples):
        return None
    numbers = {name for example in examples for name in example.numbers or ()}
    if output.kind == "numbers" and numbers:
        return f"none of its images has the number '{output.classes[0]}' ({nearest(output.classes[0], numbers)})"
    if output.kind != "masks":
        return "none of its images is labelled"
    present = {name for example in examples for name in example.masks or ()}
    if not present:
        return "it has no masks"
    name = output.classes[0]
    return f"none of its images has a mask of the structure '{name}' ({nearest(name, present)})"


def why_empty(
    part: SplitName,
    source: Sequence[Example],
    drawn: Sequence[Example],
    output: Output,
    entry: SourceEntry,
    sources: Sequence[str] = (),
) -> str:
    """Why a part has nothing to score, and what to write so that it has. :param drawn: the part, before anybody left.

    :param source: all its images, of which at least one is labelled. :param sources: names of the others.
    """
    if part == "test" and entry.test == 0 and not any(example.split == "test" for example in source):
        others = f"some of {', '.join(sources)}" if sources else "another source"
        return f"its entry says 'test: 0', so it is for training; in 'evaluate_on', name {others}"
    labeled = sum(is_labeled(example, output) for example in source)
    known = f"{counted(labeled, 'image')} with {'masks' if output.kind == 'masks' else 'labels'}"
    more = f"ask for more with '{part}: NUMBER' in its entry of the sources file"
    if lost := sum(is_labeled(example, output) for example in drawn):
        return f"it drew {counted(lost, 'image')}, all left out, since whom they show is tested; {more}"
    size = entry.val if part == "val" else entry.test
    if any(example.split for example in source):
        if any(example.split == part for example in source):
            return f"of its {known}, none is in its own {part} part; label some there"
        if size is None:
            return (
                f"its own split has no such part. Give it some (split={part}), or carve them out of the train part "
                f"with '{part}: {DEFAULTS[part]}' in its entry of the sources file"
            )
    asked = f"'{part}: {size}'" if size else f"'{part}: {DEFAULTS[part]}', which is the default,"
    return f"{asked} draws none of its {known}, by whole patients and in proportion to the classes; {more}"
