"""Parts of a split that are too small to score a model by, or smaller than they would be."""

from collections.abc import Mapping, Sequence

from ssmtl.contracts.source import Example
from ssmtl.data.split_file import TaskSplit
from ssmtl.errors import warn
from ssmtl.wording import counted

FEW = 10
"""Images below which a part is called small: one image then moves a proportion by more than 0.1."""


def warn_of_small_parts(splits: Mapping[str, TaskSplit]) -> None:
    """One warning that names every validation and test part with fewer than `FEW` images, if there are any."""
    small = []
    for task, split in splits.items():
        if not split.labeled:  # a task without labels is not scored
            continue
        sizes = {"validation": len(split.val), **{domain: len(part.ids) for domain, part in split.test.items()}}
        small += [f"{task} {part} ({counted(size, 'image')})" for part, size in sizes.items() if size < FEW]
    if small:
        warn(f"scores on fewer than {FEW} images depend heavily on chance: {', '.join(small)}")


def warn_of_lent_tests(splits: Mapping[str, TaskSplit], examples: Mapping[str, Sequence[Example]]) -> None:
    """One warning for each source that would be tested as a whole, if no task took unlabelled images of it."""
    for task, split in splits.items():
        for part in split.test.values():
            lent = [name for name, other in splits.items() if part.source in other.unlabeled_of]
            if lent and part.source != split.source and not any(one.split for one in examples[part.source]):
                tested = f"{len(part.ids)} of the {counted(len(examples[part.source]), 'image')}"
                takers = " and ".join(f"'{name}'" for name in lent)
                warn(f"task '{task}' is tested on {tested} of '{part.source}': {takers} may train on the others")
