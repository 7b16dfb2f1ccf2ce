"""Parts of a split that are too small to score a model by."""

from collections.abc import Mapping

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
