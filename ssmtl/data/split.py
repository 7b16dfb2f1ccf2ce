"""The split of a run: for each task, which images are labelled, unlabelled, validation and test."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.budget import choose, is_labeled
from ssmtl.data.disjoint import in_common
from ssmtl.data.identity import Person
from ssmtl.data.parts import parts_of
from ssmtl.data.pool import SourceFiles
from ssmtl.data.split_file import DomainPart, TaskSplit
from ssmtl.errors import DataError, nearest
from ssmtl.recipe.models import TaskSpec


def split_tasks(
    tasks: Mapping[str, tuple[TaskSpec, Output]], files: SourceFiles, seed: int, select: bool
) -> dict[str, TaskSplit]:
    """A pure function of the sources' examples and the seed.

    :param select: whether weights are selected by validation, so that each task needs validation images.
    :raises DataError: for a budget larger than the set, a class that does not occur, or a part without images; with
        the mistakes of all tasks.
    """
    persons = {name: files.persons(name) for name in files.examples}
    parts = {
        name: dict(parts_of(name, examples, files.entries[name], seed, persons[name]))
        for name, examples in files.examples.items()
    }
    restricted = _separate(tasks, parts, seed, persons)
    trained = {spec.source for spec, _ in tasks.values()}
    whole = {name: _test_part(files.examples[name], parts[name]["test"], name in trained) for name in parts}
    tests = {
        task: {
            domain: _test(task, source, own["test"] if source == spec.source else whole[source], output)
            for domain, source in spec.evaluate_on.items()
        }
        for (task, (spec, output)), own in zip(tasks.items(), restricted.values(), strict=True)
    }
    kept, left_out = _without_tested(tasks, restricted, tests, persons)
    result: dict[str, TaskSplit] = {}
    problems: list[str] = []
    for task, (spec, output) in tasks.items():
        try:
            _check_classes(task, spec.source, restricted[task]["train"], output)
            result[task] = _split_of(task, spec, output, kept[task], seed, select, tests[task], left_out[task])
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(*problems)
    return result


def _split_of(
    task: str, spec: TaskSpec, output: Output, own: Mapping[str, Sequence[Example]], seed: int, select: bool,
    test: dict[str, DomainPart], left_out: dict[str, int],
) -> TaskSplit:  # fmt: skip
    """:param own: the task's train and validation part, without whoever is tested."""
    labeled = choose(own["train"], spec.labeled, output, seed, task)
    if not labeled:
        raise DataError(f"task '{task}': the source '{spec.source}' has no labelled image to train on")
    known = set() if spec.unlabeled_includes_labeled else {example.id for example in labeled}
    val = [example for example in own["val"] if is_labeled(example, output)]
    if select and not val:
        raise DataError(
            f"task '{task}': the source '{spec.source}' has no validation images. Give it some (split=val), carve "
            "them out of the train part with 'val: 0.15' in its entry of the sources file, "
            "or set train.select_by: last"
        )
    return TaskSplit(
        source=spec.source,
        labeled=_ids(labeled),
        unlabeled=_ids(example for example in own["train"] if example.id not in known),
        val=_ids(val),
        test=test,
        left_out=left_out,
    )


def _without_tested(
    tasks: Mapping[str, tuple[TaskSpec, Output]],
    own: Mapping[str, Mapping[Any, tuple[Example, ...]]],
    tests: Mapping[str, Mapping[str, DomainPart]],
    persons: Mapping[str, Mapping[str, Person]],
) -> tuple[dict[str, dict[str, tuple[Example, ...]]], dict[str, dict[str, int]]]:
    """Each task's train and validation part without whoever is tested, and its train part without whoever validates,
    by any task: all tasks share the network. Also how many images each part lost.
    """
    tested = {persons[part.source][one] for parts in tests.values() for part in parts.values() for one in part.ids}
    sources = {task: spec.source for task, (spec, _) in tasks.items()}
    validating = {
        person
        for task, source in sources.items()
        for example in own[task]["val"]
        if (person := persons[source][example.id]) not in tested
    }
    kept, left_out = {}, {}
    for task, source in sources.items():
        excluded = {"train": tested | validating, "val": tested}
        kept[task] = {
            part: tuple(example for example in own[task][part] if persons[source][example.id] not in people)
            for part, people in excluded.items()
        }
        left_out[task] = {part: len(own[task][part]) - len(kept[task][part]) for part in excluded}
    return kept, left_out


def _separate(
    tasks: Mapping[str, tuple[TaskSpec, Output]], parts: Mapping[str, Mapping[Any, tuple[Example, ...]]], seed: int,
    persons: Mapping[str, Mapping[str, Person]],
) -> dict[str, dict[str, tuple[Example, ...]]]:  # fmt: skip
    """Each task's own parts: two tasks of one source with `disjoint_from` share its patients equally."""
    own = {task: dict(parts[spec.source]) for task, (spec, _) in tasks.items()}
    for task, (spec, _) in tasks.items():
        other = spec.disjoint_from
        if other is None or tasks[other][0].source != spec.source:
            continue
        shown = persons[spec.source]
        for part in ("train", "val", "test"):
            others = {shown[example.id] for example in own[other][part]}
            drawn = in_common(own[task][part], shown, others, seed, task, other, part)
            ours = set(drawn[: len(drawn) // 2])
            own[task][part] = tuple(example for example in own[task][part] if shown[example.id] in ours)
            own[other][part] = tuple(example for example in own[other][part] if shown[example.id] not in ours)
    return own


def _test_part(examples: tuple[Example, ...], test: tuple[Example, ...], trained_on: bool) -> tuple[Example, ...]:
    """A source that no task trains on and that has no split of its own is a test set as a whole."""
    return test if trained_on or any(example.split for example in examples) else examples


def _test(task: str, source: str, candidates: Sequence[Example], output: Output) -> DomainPart:
    labeled = _ids(example for example in candidates if is_labeled(example, output))
    if not labeled:
        what = "masks" if output.kind == "masks" else "labels"
        raise DataError(f"task '{task}': the source '{source}' has no test images with {what} to evaluate on")
    return DomainPart(source=source, ids=labeled)


def _check_classes(task: str, source: str, examples: Sequence[Example], output: Output) -> None:
    if output.kind == "masks":
        present = {name for example in examples if example.masks for name in example.masks}
    else:
        present = {label for example in examples for label in example.labels or ()}
    for name in output.classes:
        if name not in present:
            what = "structure" if output.kind == "masks" else "class"
            raise DataError(
                f"task '{task}': no image of the source '{source}' has the {what} '{name}' ({nearest(name, present)})"
            )


def _ids(examples: Iterable[Example]) -> list[str]:
    return [example.id for example in examples]
