"""A split from a file: whether it is one of these tasks and sources, and whether anybody is on two sides of it."""

from collections.abc import Mapping
from pathlib import Path

from ssmtl.contracts.head import Output
from ssmtl.data.budget import is_labeled
from ssmtl.data.identity import fingerprint_of
from ssmtl.data.pool import SourceFiles
from ssmtl.data.split_file import SplitFile, TaskSplit, read_split_file
from ssmtl.errors import DataError, nearest
from ssmtl.recipe.models import TaskSpec
from ssmtl.wording import counted


def read_split(path: Path, tasks: Mapping[str, tuple[TaskSpec, Output]], files: SourceFiles) -> dict[str, TaskSplit]:
    """:raises DataError: naming task and image, if the file is no split of these tasks and sources, or lets an image or
    a patient train and be tested.
    """
    given = read_split_file(path)
    splits = {task: split.tidied() for task, split in given.tasks.items()}
    for task, (spec, output) in tasks.items():
        if task not in splits:
            raise DataError(f"{path} has no task '{task}' ({nearest(task, splits)})")
        where = f"{path}: task '{task}'"
        split = splits[task]
        if split.source != spec.source:
            raise DataError(f"{where} is split over '{split.source}', but the recipe has '{spec.source}'")
        if output.has_labels and not split.labeled:
            raise DataError(f"{where} has no labelled image")
        tested = {domain: part.source for domain, part in split.test.items()}
        if tested != dict(spec.evaluate_on):
            raise DataError(f"{where} is tested on {tested}, but the recipe has {dict(spec.evaluate_on)}")
        own = spec.source in spec.pool_sources
        lacks = spec.includes_labeled and not split.unlabeled
        if lacks or (split.unlabeled and not own):
            what = f"{'no' if own else 'an'} unlabelled image of '{spec.source}'"
            raise DataError(f"{where} has {what}, but the recipe has unlabeled_from: {spec.unlabeled_from}")
        others = sorted(spec.other_sources)
        if sorted(split.unlabeled_of) != others:
            has = sorted(split.unlabeled_of)
            raise DataError(f"{where} has unlabelled images of other sources {has}, but the recipe has {others}")
        _check_ids(where, split, output, files)
        _check_budget(where, split, spec)
    chosen = {task: splits[task] for task in tasks}
    try:
        _check_people(path, chosen, files)
    except DataError as error:
        raise DataError(f"{error}{_what_changed(given, files)}") from error
    return chosen


def _check_ids(where: str, split: TaskSplit, output: Output, files: SourceFiles) -> None:
    """Every image is there, once in its part, and labelled where it must be."""
    parts = {"labeled": split.labeled, "unlabeled": split.unlabeled, "val": split.val}
    named = [(part, split.source, ids) for part, ids in parts.items()]
    named += [("unlabeled", source, ids) for source, ids in split.unlabeled_of.items()]
    named += [(f"test.{domain}", part.source, part.ids) for domain, part in split.test.items()]
    for part, source, ids in named:
        known = {example.id: example for example in files.examples.get(source, ())}
        if not ids and source in split.unlabeled_of:
            raise DataError(f"{where}: unlabeled_of: '{source}' has no image")
        missing = sorted(set(ids) - set(known))
        if missing:
            such = counted(len(missing), "such id")
            raise DataError(f"{where}: {part}: the source '{source}' has no image '{missing[0]}' ({such})")
        if len(set(ids)) < len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise DataError(f"{where}: {part}: '{twice}' stands there twice")
        bare = [] if part == "unlabeled" else [one for one in ids if not is_labeled(known[one], output)]
        if bare:
            what = "mask" if output.kind == "masks" else "label"
            raise DataError(f"{where}: {part}: '{bare[0]}' has no {what} ({counted(len(bare), 'such image')})")


def _check_budget(where: str, split: TaskSplit, spec: TaskSpec) -> None:
    asked = spec.labeled
    wanted = asked if isinstance(asked, int) else sum(asked.values()) if isinstance(asked, dict) else None
    if wanted is not None and len(split.labeled) != wanted:
        has = counted(len(split.labeled), "labelled image")
        raise DataError(f"{where} has {has}, but the recipe has labeled: {asked}")
    both = set(split.labeled) & set(split.unlabeled)
    if not spec.unlabeled_includes_labeled and both:
        raise DataError(
            f"{where}: unlabeled: '{min(both)}' is labelled, and the recipe has unlabeled_includes_labeled: false"
        )


def _what_changed(given: SplitFile, files: SourceFiles) -> str:
    """The cause of people on two sides of a split that once was a good one."""
    changed = [
        f"'{name}'"
        for name, before in given.fingerprints.items()
        if name in files.examples and fingerprint_of(files.identities[name]) != before
    ]
    return f". Since it was made, the content of {', '.join(changed)} has changed" if changed else ""


def _check_people(path: Path, splits: Mapping[str, TaskSplit], files: SourceFiles) -> None:
    """Nobody is on two sides, in one task or in two: all tasks share the network."""
    persons = {source: files.persons(source) for source in files.examples}
    sides: dict[str, dict[object, str]] = {"train": {}, "val": {}, "test": {}}
    for task, split in splits.items():
        for source, ids in split.trained.items():
            sides["train"].update((persons[source][one], f"{task}: {one}") for one in sorted(ids))
        sides["val"].update((persons[split.source][one], f"{task}: {one}") for one in split.val)
        for part in split.test.values():
            sides["test"].update((persons[part.source][one], f"{task}: {one}") for one in part.ids)
    for one, other in (("train", "test"), ("val", "test"), ("train", "val")):
        shared = sides[one].keys() & sides[other].keys()
        if shared:
            person = min(shared, key=lambda person: sides[one][person])
            raise DataError(
                f"{path}: '{sides[one][person]}' is in the {one} part, '{sides[other][person]}' in the {other} part, "
                f"and both are one image or of one patient ({counted(len(shared), 'such patient')})"
            )
