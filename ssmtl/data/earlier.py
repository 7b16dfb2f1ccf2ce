"""A split beside an earlier one, whose model is trained on: nobody who trained or selected it is scored."""

from collections.abc import Mapping

from ssmtl.data.pool import SourceFiles
from ssmtl.data.split_file import SplitFile, TaskSplit
from ssmtl.data.used_images import used_images
from ssmtl.errors import DataError, warn
from ssmtl.wording import counted


def without_earlier(
    splits: Mapping[str, TaskSplit], files: SourceFiles, earlier: SplitFile, select: bool
) -> dict[str, TaskSplit]:
    """The split without those test images that trained or selected the earlier model, and those validation images that
    trained it; whoever shows the same person counts too.

    :param select: whether each task needs validation images.
    :raises DataError: for a part of which nobody is left; of all tasks.
    """
    used, trained = (
        used_images(earlier, files.listed, files.namespaces, selected=selected) for selected in (True, False)
    )
    problems, result = [], {}
    for task, split in splits.items():
        test = {
            domain: part.model_copy(update={"ids": [one for one in part.ids if one not in used[part.source]]})
            for domain, part in split.test.items()
        }
        val = [one for one in split.val if one not in trained[split.source]]
        lost = {"validation": (len(split.val), len(val))}
        lost |= {f"test, {domain}": (len(part.ids), len(test[domain].ids)) for domain, part in split.test.items()}
        for part, (before, after) in lost.items():
            words = f"task '{task}', {part}: {before - after} of {counted(before, 'image')}"
            if before and not after and (select or part != "validation"):
                problems.append(
                    f"{words}, or whom they show, trained or selected the model of 'init'. Use its split, by its seed "
                    "or 'split: RUN/split.json', or other images"
                )
            elif before > after:
                warn(f"{words} left out: they, or whom they show, trained or selected the model of 'init'")
        result[task] = split.model_copy(update={"val": val, "test": test})
    if problems:
        raise DataError(*problems)
    return result
