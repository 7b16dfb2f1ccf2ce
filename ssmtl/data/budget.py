"""Label budgets: which images of a train part keep their labels."""

from collections.abc import Iterator, Mapping, Sequence

from ssmtl.contracts.head import Output
from ssmtl.contracts.random_stream import permutation
from ssmtl.contracts.source import Example
from ssmtl.errors import DataError, nearest
from ssmtl.wording import counted

Budget = int | float | str | Mapping[str, int]
"""A number of images, a share of them, 'all', or a number per class."""


def is_labeled(example: Example, output: Output) -> bool:
    """Whether the example has something that a head with this output learns from: one label or structure is enough."""
    if output.kind == "multiclass":
        return bool(example.labels)
    return bool(known_names(example, output))


def known_names(example: Example, output: Output) -> tuple[str, ...]:
    """The structures that the example has masks of, the labels of which it is known whether it has them, or numbers."""
    if output.kind == "masks":
        return tuple(name for name in output.classes if example.masks is not None and name in example.masks)
    if output.kind == "numbers":
        return tuple(name for name in output.classes if name in (example.numbers or ()))
    if example.labels is None:
        return ()
    return tuple(name for name in output.classes if name not in example.unknown)


def lacking(example: Example, output: Output) -> str:
    """The names of which nothing is known there; empty for a head with one label per image."""
    known = output.classes if output.kind == "multiclass" else known_names(example, output)
    return ", ".join(name for name in output.classes if name not in known)


def choose(examples: Sequence[Example], budget: Budget, output: Output, seed: int, task: str) -> list[Example]:
    """The labelled images: stratified by class, nested (a larger budget keeps the smaller one's images).

    :raises DataError: if there are fewer labelled images than asked for, overall or in a class; with every such class.
    """
    candidates = [example for example in examples if is_labeled(example, output)]
    shuffled = [candidates[index] for index in permutation(len(candidates), seed, "labeled", task)]
    if budget == "all":
        return candidates
    if isinstance(budget, Mapping):
        strata = _strata(shuffled, output)
        problems = [*_per_class(budget, strata, output, task)]
        if problems:
            raise DataError(*problems)
        chosen = [example for name, number in budget.items() for example in strata.get(name, [])[:number]]
    else:
        assert isinstance(budget, int | float)
        number = budget if isinstance(budget, int) else max(1, round(budget * len(candidates)))
        if number > len(candidates):
            wanted, has = _wanted(number), len(candidates)
            raise DataError(f"task '{task}': labeled: {wanted} wanted, the train part has {has} with labels")
        chosen = _proportional(_strata(shuffled, output), number)
    order = {example.id: place for place, example in enumerate(candidates)}
    return sorted(chosen, key=lambda example: order[example.id])


def unknown_classes(budget: Budget, output: Output, task: str) -> list[str]:
    """One sentence for each class of the budget that the head lacks."""
    names = budget if isinstance(budget, Mapping) else ()
    return [
        f"task '{task}': labeled: no class '{name}' ({nearest(name, output.classes)})"
        for name in names
        if name not in output.classes
    ]


def _wanted(number: int, of: str = "") -> str:
    """'1 image is', "30 images of 'normal' are"."""
    return f"{counted(number, 'image')}{of} {'is' if number == 1 else 'are'}"


def _per_class(
    budget: Mapping[str, int], strata: Mapping[str, Sequence[Example]], output: Output, task: str
) -> Iterator[str]:
    """What is wrong with a budget per class."""
    for name, number in budget.items():
        available = len(strata.get(name, ()))
        if name not in output.classes:
            yield from unknown_classes({name: number}, output, task)
        elif number > available:
            wanted = _wanted(number, f" of '{name}'")
            yield f"task '{task}': labeled: {wanted} wanted, the train part has {available}"


def _strata(examples: Sequence[Example], output: Output) -> dict[str, list[Example]]:
    """By class; a multi-label image counts for its rarest class, masks and numbers by which of them there are."""
    strata: dict[str, list[Example]] = {}
    if output.kind in ("masks", "numbers"):
        for example in examples:
            strata.setdefault(" ".join(known_names(example, output)), []).append(example)
        return strata
    frequency = {name: sum(name in (example.labels or ()) for example in examples) for name in output.classes}
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
