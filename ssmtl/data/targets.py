"""What labels are to a head: class indices or multi-hot rows; a label that is none of its classes is refused."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.split_file import TaskSplit
from ssmtl.errors import DataError, nearest


def targets_of(examples: Sequence[Example], output: Output, source: str) -> Tensor | None:
    """Class indices, -1 where there is no label; or a row of 0, 1 or numbers, NaN where nothing is
    known; None for masks, and where there are no labels.

    :raises DataError: naming the first image whose label is no class of the head, or that has several for a head with
        one label per image.
    """
    if output.kind in ("masks", "none"):
        return None
    if output.kind == "numbers":
        read = [[(example.numbers or {}).get(name, math.nan) for name in output.classes] for example in examples]
        return torch.tensor(read, dtype=torch.float32).reshape(len(examples), len(output.classes))
    if output.kind == "multilabel":
        for example in examples:
            for label in sorted(example.labels or ()):
                _check_class(label, example, output, source)
        known = [[_presence(example, name) for name in output.classes] for example in examples]
        return torch.tensor(known, dtype=torch.float32).reshape(len(examples), len(output.classes))
    return torch.tensor([_class(example, output, source) for example in examples], dtype=torch.int64)


def check_labels(
    splits: Mapping[str, TaskSplit], outputs: Mapping[str, Output], examples: Mapping[str, Sequence[Example]]
) -> None:
    """Whether each task's head knows the labels of the images in its parts. :param examples: by source.

    :raises DataError: as `targets_of`; of all tasks and sources.
    """
    problems: list[str] = []
    for task, split in splits.items():
        used = {split.source: {*split.labeled, *split.unlabeled, *split.val}}
        for part in split.test.values():
            used.setdefault(part.source, set()).update(part.ids)
        for source, ids in used.items():
            try:
                targets_of([example for example in examples[source] if example.id in ids], outputs[task], source)
            except DataError as error:
                problems += error.problems
    if problems:
        raise DataError(*dict.fromkeys(problems))


def _presence(example: Example, name: str) -> float:
    if example.labels is None or name in example.unknown:
        return math.nan
    return float(name in example.labels)


def _class(example: Example, output: Output, source: str) -> int:
    if not example.labels:
        return -1
    if len(example.labels) > 1:
        labels = ", ".join(sorted(example.labels))
        raise DataError(
            f"the source '{source}': {example.id} has several labels ({labels}); "
            "the head has one label per image (multilabel: false)"
        )
    (label,) = example.labels
    _check_class(label, example, output, source)
    return output.classes.index(label)


def _check_class(label: str, example: Example, output: Output, source: str) -> None:
    if label not in output.classes:
        raise DataError(
            f"the source '{source}': {example.id} is labelled '{label}', which is not a class of the head "
            f"({nearest(label, output.classes)}); rename it with 'rename:' in the sources file, where null drops it"
        )
