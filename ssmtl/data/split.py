"""The split of a run: for each task, which images are labelled, unlabelled, validation and test."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.budget import choose, is_labeled, lacking, unknown_classes
from ssmtl.data.disjoint import in_common
from ssmtl.data.empty_parts import why_empty
from ssmtl.data.folds import Fold
from ssmtl.data.identity import Person
from ssmtl.data.parts import Parts, parts_of
from ssmtl.data.pool import SourceFiles
from ssmtl.data.scorable import check_classes, check_known
from ssmtl.data.split_file import DomainPart, TaskSplit
from ssmtl.data.unlabeled_of_others import lost_of_others, unlabeled_of_others, without_copies
from ssmtl.errors import DataError, SplitError
from ssmtl.recipe.models import TaskSpec


def split_tasks(
    tasks: Mapping[str, tuple[TaskSpec, Output]],
    files: SourceFiles,
    seed: int,
    select: bool,
    fold: Fold | None = None,
) -> dict[str, TaskSplit]:
    """A pure function of the sources' examples and the seed.

    Each task's validation and test part is drawn among the patients of images that are labelled for it. Images without
    a label stay in its unlabelled pool, unless their patient is in a validation or test part; it is of the sources
    in `unlabeled_from`. A task without labels has an unlabelled pool alone: all of its source but for whoever validates
    or is tested in another task, and for what the source itself does not give for training.

    :param select: whether weights are selected by validation, so that each task needs validation images.
    :param fold: of the sources that are trained on: their test part.
    :raises DataError: for a budget larger than the set, a class that does not occur, or a part without images; with
        the mistakes of all tasks.
    """
    check_known(tasks, files.examples)
    persons = {name: files.persons(name) for name in files.examples}
    validated = {spec.source for spec, _ in tasks.values()}
    trained = validated.union(*(spec.other_sources for spec, _ in tasks.values()))

    @cache
    def parts(source: str, output: Output) -> Parts:
        examples = files.examples[source]
        if not output.has_labels:
            return {"train": tuple(one for one in examples if one.split in (None, "train")), "val": (), "test": ()}
        known = {example.id: lacking(example, output) for example in examples if is_labeled(example, output)}
        own = fold if source in trained else None
        entry = files.entries[source]
        return parts_of(source, examples, entry, seed, persons[source], known, own, validated=source in validated)

    drawn = {task: parts(spec.source, output) for task, (spec, output) in tasks.items()}
    restricted = _separate(tasks, drawn, seed, persons)

    def test(task: str, source: str, output: Output) -> DomainPart:
        """A source that no task trains on and that has no split of its own is a test set as a whole."""
        examples = files.examples[source]
        if source == tasks[task][0].source:
            candidates = restricted[task]["test"]
        elif source in trained or any(example.split for example in examples):
            candidates = parts(source, output)["test"]
        else:
            candidates = () if files.entries[source].test == 0 else examples
        ids = _ids(example for example in candidates if is_labeled(example, output))
        if not ids:
            others = [name for name, entry in files.entries.items() if entry.test != 0]
            why = why_empty("test", examples, candidates, output, files.entries[source], others)
            what = "masks" if output.kind == "masks" else "labels"
            raise DataError(
                f"task '{task}': the source '{source}' has no test images with {what} to evaluate on: {why}"
            )
        return DomainPart(source=source, ids=ids)

    problems: list[str] = []
    tests = {}
    for task, (spec, output) in tasks.items():
        try:
            tests[task] = {domain: test(task, source, output) for domain, source in spec.evaluate_on.items()}
        except DataError as error:
            problems += [*error.problems, *unknown_classes(spec.labeled, output, task)]
    if problems:
        raise DataError(*problems)
    kept, left_out = _without_tested(tasks, restricted, tests, persons)
    pools = unlabeled_of_others(tasks, restricted, kept, tests, files, seed)
    result: dict[str, TaskSplit] = {}
    for task, (spec, output) in tasks.items():
        try:
            check_classes(task, f"the train part of the source '{spec.source}'", restricted[task]["train"], output)
            labeled, unlabeled = _pools(task, spec, output, kept[task]["train"], seed)
            if not spec.unlabeled_includes_labeled:
                pools[task] = without_copies(task, pools[task], spec.source, labeled, files)
            val = _ids(example for example in kept[task]["val"] if is_labeled(example, output))
            if select and not val and output.has_labels:
                source, entry = files.examples[spec.source], files.entries[spec.source]
                why = why_empty("val", source, restricted[task]["val"], output, entry)
                raise DataError(
                    f"task '{task}': the source '{spec.source}' has no validation images with "
                    f"{'masks' if output.kind == 'masks' else 'labels'}: {why}, or set train.select_by: last"
                )
            result[task] = TaskSplit(
                source=spec.source, labeled=labeled, unlabeled=unlabeled, val=val, test=tests[task],
                unlabeled_of=pools[task], left_out=left_out[task] | lost_of_others(pools[task], files),
            )  # fmt: skip
        except DataError as error:
            problems += error.problems
    if problems:
        raise SplitError(*problems)
    return result


def _pools(
    task: str, spec: TaskSpec, output: Output, train: Sequence[Example], seed: int
) -> tuple[list[str], list[str]]:
    """Ids of the labelled and of the unlabelled images of the train part."""
    own = spec.source in spec.pool_sources
    if not output.has_labels:
        if not train:
            why = "it has none for training, or each shows whom another task validates or tests on"
            raise DataError(f"task '{task}': the source '{spec.source}' has no image to train on: {why}")
        return [], _ids(train) if own else []
    labeled = choose(train, spec.labeled, output, seed, task)
    if not labeled:
        raise DataError(f"task '{task}': the source '{spec.source}' has no labelled image to train on")
    known = set() if spec.unlabeled_includes_labeled else {example.id for example in labeled}
    return _ids(labeled), _ids(example for example in train if own and example.id not in known)


def _without_tested(
    tasks: Mapping[str, tuple[TaskSpec, Output]],
    own: Mapping[str, Mapping[Any, tuple[Example, ...]]],
    tests: Mapping[str, Mapping[str, DomainPart]],
    persons: Mapping[str, Mapping[str, Person]],
) -> tuple[dict[str, dict[str, tuple[Example, ...]]], dict[str, dict[str, int]]]:
    """Each task's train and validation part without whoever is tested, and its train part without whoever validates,
    by any task: all tasks share the network. Also how many images each part lost; the train part too those without a
    label for the task that went with their patient to its validation or test part, where they are of no use.
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
        bare = [one for one in (*kept[task]["val"], *own[task]["test"]) if not is_labeled(one, tasks[task][1])]
        left_out[task]["train"] += len(bare)
    return kept, left_out


def _separate(
    tasks: Mapping[str, tuple[TaskSpec, Output]], parts: Mapping[str, Mapping[Any, tuple[Example, ...]]], seed: int,
    persons: Mapping[str, Mapping[str, Person]],
) -> dict[str, dict[str, tuple[Example, ...]]]:  # fmt: skip
    """Each task's own parts: two tasks of one source with `disjoint_from` share its patients equally.

    :param parts: by task, those of its source.
    """
    own = {task: dict(of_source) for task, of_source in parts.items()}
    for task, (spec, _) in tasks.items():
        other = spec.disjoint_from
        if other is None or tasks[other][0].source != spec.source:
            continue
        shown = persons[spec.source]
        for part in ("train", "val", "test"):
            others = {shown[example.id] for example in own[other][part]}
            drawn = in_common(own[task][part], shown, others, seed, task, other, part)
            ours, theirs = set(drawn[: len(drawn) // 2]), set(drawn[len(drawn) // 2 :])
            own[task][part] = tuple(example for example in own[task][part] if shown[example.id] not in theirs)
            own[other][part] = tuple(example for example in own[other][part] if shown[example.id] not in ours)
    return own


def _ids(examples: Iterable[Example]) -> list[str]:
    return [example.id for example in examples]
