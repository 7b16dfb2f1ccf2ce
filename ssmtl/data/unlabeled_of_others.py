"""Images of other sources in a task's unlabelled pool."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.disjoint import in_common
from ssmtl.data.identity import Person
from ssmtl.data.split_file import DomainPart
from ssmtl.errors import DataError
from ssmtl.recipe.models import TaskSpec

if TYPE_CHECKING:
    from ssmtl.data.pool import SourceFiles


def unlabeled_of_others(
    tasks: Mapping[str, tuple[TaskSpec, Output]],
    own: Mapping[str, Mapping[Any, tuple[Example, ...]]],
    kept: Mapping[str, Mapping[Any, tuple[Example, ...]]],
    tests: Mapping[str, Mapping[str, DomainPart]],
    files: "SourceFiles",
    seed: int,
) -> dict[str, dict[str, list[str]]]:
    """By task and source, those images of its `unlabeled_from` that are not of its own source.

    Left out is whoever is tested or validates in any task, whoever is in a task that is to have nobody in common with
    this one (`disjoint_from`), and what the other source has in a validation or test part of its own. Two such tasks
    share equally whom both could take.

    :param own, kept: the parts of each task, before and after whoever is tested was left out.
    :raises DataError: if nobody of a source is left.
    """
    persons = {name: files.persons(name) for name in files.examples}
    scored = {persons[part.source][one] for parts in tests.values() for part in parts.values() for one in part.ids}
    for task, parts in kept.items():
        scored.update(persons[tasks[task][0].source][example.id] for example in parts["val"])
    of_own: dict[str, set[Person]] = {
        task: {persons[tasks[task][0].source][example.id] for part in parts.values() for example in part}
        for task, parts in own.items()
    }
    result: dict[str, dict[str, list[str]]] = {task: {} for task in tasks}
    for task, (spec, _) in tasks.items():
        apart = {spec.disjoint_from} | {name for name, (other, _) in tasks.items() if other.disjoint_from == task}
        left_out = scored.union(*(of_own[name] for name in apart if name))
        for source in spec.other_sources:
            images = _for_training(source, files)
            result[task][source] = [one for one in images if persons[source][one] not in left_out]
    for task, (spec, _) in tasks.items():
        if spec.disjoint_from is not None:
            _share(task, spec.disjoint_from, result, files.examples, persons, seed)
    for task, pools in result.items():
        for source, ids in pools.items():
            if not ids:
                found = _for_training(source, files)
                why = "each shows whom a task tests, validates or has apart" if found else "it has none for training"
                raise DataError(f"task '{task}': unlabeled_from: no image of the source '{source}' can be taken: {why}")
    return result


def _share(
    task: str,
    other: str,
    pools: dict[str, dict[str, list[str]]],
    examples: Mapping[str, Sequence[Example]],
    persons: Mapping[str, Mapping[str, Person]],
    seed: int,
) -> None:
    """Of the people in both tasks' pools, half stay in each."""

    def without(name: str, people: set[Person]) -> None:
        for source, ids in pools[name].items():
            pools[name][source] = [one for one in ids if persons[source][one] not in people]

    for source in pools[task]:
        kept = set(pools[task][source])
        ours = [one for one in examples[source] if one.id in kept]
        theirs = {persons[place][one] for place, ids in pools[other].items() for one in ids}
        drawn = in_common(ours, persons[source], theirs, seed, task, other, "unlabeled")
        without(task, {*drawn[len(drawn) // 2 :]})
        without(other, {*drawn[: len(drawn) // 2]})


def _for_training(source: str, files: "SourceFiles") -> list[str]:
    """Ids of its images of whom none is in a validation or test part of the source's own."""
    persons = files.persons(source)
    held_out = {persons[one.id] for one in files.examples[source] if one.split not in (None, "train")}
    return [one.id for one in files.examples[source] if persons[one.id] not in held_out]


def lost_of_others(pools: Mapping[str, Sequence[str]], files: "SourceFiles") -> dict[str, int]:
    """How many images the pool lacks of other sources, for `TaskSplit.left_out`; nothing if it lacks none."""
    lost = sum(len(files.examples[source]) - len(ids) for source, ids in pools.items())
    return {"unlabeled": lost} if lost else {}


def without_copies(
    task: str, pools: Mapping[str, list[str]], own: str, labeled: Sequence[str], files: "SourceFiles"
) -> dict[str, list[str]]:
    """The pools of other sources without copies of the task's labelled images, which are of its own.

    :raises DataError: if nothing of a source is left.
    """
    contents = {name: {image.id: image.content for image in files.identities[name]} for name in (own, *pools)}
    known = {contents[own][one] for one in labeled}
    left = {name: [one for one in ids if contents[name][one] not in known] for name, ids in pools.items()}
    empty = next((name for name, ids in left.items() if not ids), None)
    if empty is not None:
        what = f"no image of the source '{empty}' can be taken: each is a copy of a labelled one"
        raise DataError(f"task '{task}': unlabeled_from: {what}, and unlabeled_includes_labeled is false")
    return left
