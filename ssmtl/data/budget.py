"""Label budgets: which images of a train part keep their labels."""

from collections.abc import Mapping, Sequence

from ssmtl.contracts.head import Output
from ssmtl.contracts.random_stream import permutation
from ssmtl.contracts.source import Example
from ssmtl.errors import DataError, nearest
from ssmtl.wording import counted

Budget = int | float | str | Mapping[str, int]
"""A number of images, a share of them, 'all', or a number per class."""


def is_labeled(example: Example, output: Output) -> bool:
    """Whether the example has what a head with this output learns from."""
    if output.kind == "masks":
        return example.masks is not None and all(name in example.masks for name in output.classes)
    if output.kind == "multiclass":
        return bool(example.labels)
    return example.labels is not None


def choose(examples: Sequence[Example], budget: Budget, output: Output, seed: int, task: str) -> list[Example]:
    """The labelled images: stratified by class, nested (a larger budget keeps the smaller one's images).

    :raises DataError: if there are fewer labelled images than asked for, overall or in one class.
    """
    candidates = [example for example in examples if is_labeled(example, output)]
    shuffled = [candidates[index] for index in permutation(len(candidates), seed, "labeled", task)]
    if budget == "all":
        return candidates
    if isinstance(budget, Mapping):
        counts = dict(budget)
        strata = _strata(shuffled, output)
        for name, count in counts.items():
            if name not in output.classes:
                raise DataError(f"task '{task}': labeled: no class '{name}' ({nearest(name, output.classes)})")
            if count > len(strata.get(name, [])):
                available = len(strata.get(name, []))
                raise DataError(
                    f"task '{task}': labeled: {counted(count, 'image')} of '{name}' wanted, "
                    f"the train part has {available}"
                )
        chosen = [example for name, count in counts.items() for example in strata.get(name, [])[:count]]
    else:
        assert isinstance(budget, int | float)
        count = budget if isinstance(budget, int) else max(1, round(budget * len(candidates)))
        if count > len(candidates):
            raise DataError(
                f"task '{task}': labeled: {counted(count, 'image')} wanted, "
                f"the train part has {len(candidates)} with labels"
            )
        chosen = _proportional(_strata(shuffled, output), count)
    order = {example.id: place for place, example in enumerate(candidates)}
    return sorted(chosen, key=lambda example: order[example.id])


def _strata(examples: Sequence[Example], output: Output) -> dict[str, list[Example]]:
    """By class; a multi-label image counts for its rarest class; masks are one stratum."""
    if output.kind == "masks":
        return {"": list(examples)}
    frequency = {name: sum(name in (example.labels or ()) for example in examples) for name in output.classes}
    strata: dict[str, list[Example]] = {}
    for example in examples:
        own = sorted((frequency.get(label, 0), label) for label in example.labels or ())
        strata.setdefault(own[0][1] if own else "", []).append(example)
    return strata


def _proportional(strata: Mapping[str, Sequence[Example]], count: int) -> list[Example]:
    """One image of each class, frequent classes first; then, one by one, from the class furthest below its share.

    Chosen one at a time, so that a larger count extends a smaller one (largest remainders would not).
    """
    total = sum(len(examples) for examples in strata.values())
    by_size = sorted(strata, key=lambda name: (-len(strata[name]), name))
    numbers = {name: int(place < count) for place, name in enumerate(by_size)}
    for given in range(len(strata), count):
        lack = {name: (given + 1) * len(examples) / total - numbers[name] for name, examples in strata.items()}
        numbers[max(by_size, key=lack.__getitem__)] += 1
    return [example for name, number in numbers.items() for example in strata[name][:number]]
