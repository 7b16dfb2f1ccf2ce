"""Images of other sources in a task's unlabelled pool."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
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
) -> dict[str, dict[str, list[str]]]:
    """By task and source, those images of its `unlabeled_from` that are not of its own source.

    Left out is whoever is tested or validates in any task, whoever is in a task that is to have nobody in common with
    this one (`disjoint_from`), and what the other source has in a validation or test part of its own.

    :param own, kept: the parts of each task, before and after whoever is tested was left out.
    :raises DataError: if nobody of a source is left.
    """
    persons = {name: files.persons(name) for name in files.examples}
    scored = {persons[part.source][one] for parts in tests.values() for part in parts.values() for one in part.ids}
    for task, parts in kept.items():
        scored.update(persons[tasks[task][0].source][example.id] for example in parts["val"])
    taken: dict[str, set[Person]] = {
        task: {persons[tasks[task][0].source][example.id] for part in parts.values() for example in part}
        for task, parts in own.items()
    }
    result: dict[str, dict[str, list[str]]] = {task: {} for task in tasks}
    for task, (spec, _) in tasks.items():
        apart = {spec.disjoint_from} | {name for name, (other, _) in tasks.items() if other.disjoint_from == task}
        left_out = scored.union(*(taken[name] for name in apart if name))
        for source in spec.unlabeled_from:
            if source == spec.source:
                continue
            images = [one for one in files.examples[source] if one.split in (None, "train")]
            left = [one.id for one in images if persons[source][one.id] not in left_out]
            if not left:
                why = "each shows whom a task tests, validates or has apart" if images else "it has none for training"
                raise DataError(f"task '{task}': unlabeled_from: no image of the source '{source}' can be taken: {why}")
            result[task][source] = left
            taken[task].update(persons[source][one] for one in left)
    return result
