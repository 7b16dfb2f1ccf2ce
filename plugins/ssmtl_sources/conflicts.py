"""Images that are said to be alike, or are, and have different labels."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from ssmtl import DataError, Example


def conflicting(examples: Sequence[Example], groups: Mapping[str, str]) -> set[str]:
    """Ids of the images that a group or a byte-identical copy connects, through any number of steps, to another label.

    :param groups: by image, the name of its group, if it has one. An image that cannot be read is no copy.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers: dict[str, int] = {}
    pairs = []
    for place, (example, content) in enumerate(zip(examples, _contents(examples), strict=True)):
        for name in (groups.get(example.id), content):
            if name is not None:
                pairs.append((place, len(examples) + numbers.setdefault(name, len(numbers))))
    size = len(examples) + len(numbers)
    rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
    graph = coo_array(([1] * len(pairs), (rows, columns)), shape=(size, size))
    _, found = connected_components(graph, directed=False)
    labels: dict[int, set[frozenset[str]]] = defaultdict(set)
    alike = found[: len(examples)].tolist()
    for example, number in zip(examples, alike, strict=True):
        labels[number].add(example.labels or frozenset())
    return {example.id for example, number in zip(examples, alike, strict=True) if len(labels[number]) > 1}


def _contents(examples: Sequence[Example]) -> list[str | None]:
    """Of each image, the fingerprint of its file; None if no other file is as long, or it cannot be read."""
    sizes = [_size(example.image.name) for example in examples]
    several = Counter(sizes)
    return [
        _fingerprint(example) if size is not None and several[size] > 1 else None
        for example, size in zip(examples, sizes, strict=True)
    ]


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _fingerprint(example: Example) -> str | None:
    try:
        return f"content {example.image.fingerprint()}"
    except DataError:  # whoever reads it says so
        return None
