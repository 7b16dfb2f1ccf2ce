"""Train, validation and test parts of a source: the data set's own, else carved out by patient, stratified by class."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ssmtl.contracts.random_stream import permutation
from ssmtl.contracts.source import Example, SplitName
from ssmtl.data.folds import Fold, fold_of_patients
from ssmtl.data.identity import Person
from ssmtl.errors import DataError
from ssmtl.recipe.models import SourceEntry
from ssmtl.wording import counted

DEFAULT_VAL = 0.15
"""Share carved out for validation where neither the data set nor the sources file says anything."""

DEFAULT_TEST = 0.2
"""Share carved out for the test, likewise."""

Parts = Mapping[SplitName, tuple[Example, ...]]


def parts_of(
    name: str,
    examples: Sequence[Example],
    entry: SourceEntry,
    seed: int,
    persons: Mapping[str, Person] | None = None,
    labeled: Mapping[str, str] | None = None,
    fold: Fold | None = None,
    validated: bool = True,
) -> Parts:
    """Three disjoint parts; all images of a patient are in one of them.

    A data set without any split of its own is carved (val: 0.15, test: 0.2 unless its entry says otherwise). One with
    a split of its own keeps it; a missing part is carved only if the entry asks for it. What is carved is drawn among
    the patients of labelled images, and its size is one of labelled images.

    :param persons: by image id, whom it shows; copies under several patients' names are carved together.
    :param labeled: by id of the images that a task can score, the names of which nothing is known there, together one
        text, in which the parts are proportionate too; None: all can be scored. The others go where their patient goes,
        to the train part if the patient has no labelled image.
    :param validated: whether a validation part is carved; of a source that only gives unlabelled images, none is.
    :param fold: the test part, in place of the size that the entry says: over all folds, each patient is in one.
    :raises DataError: if a part cannot be carved out, or folds are asked of a data set with a split of its own.
    """
    known = {example.id: "" for example in examples} if labeled is None else labeled
    own: dict[SplitName, list[Example]] = {"train": [], "val": [], "test": []}
    for example in examples:
        own[example.split or "train"].append(example)
    official = any(example.split is not None for example in examples)
    wanted: dict[SplitName, float | int | None] = {"test": entry.test, "val": entry.val}
    if not official:
        wanted = {"test": DEFAULT_TEST if entry.test is None else entry.test, "val": entry.val or DEFAULT_VAL}
    if fold is not None and official:
        raise DataError(f"the source '{name}' has a split of its own, and folds would be another one: leave them out")
    if fold is not None and entry.test == 0:
        raise DataError(f"the source '{name}' is for training alone (test: 0), and folds would test it: leave one out")
    if entry.test == 0 and own["test"]:
        has = counted(len(own["test"]), "image")
        raise DataError(f"the source '{name}' has a test part of its own, of {has}: test: 0 is for sets without one")
    total, names = sum(example.id in known for example in own["train"]), patient_names(examples, persons or {})
    if fold is not None:
        own["test"], own["train"] = _fold(own["train"], fold, seed, name, names, known)
    for part, size in wanted.items():
        if size is not None and not own[part] and (part == "test" or validated):
            number = round(size * total) if isinstance(size, float) else size
            own[part], own["train"] = _carve(own["train"], number, seed, name, part, names, known)
    _check_patients(name, own)
    return {part: tuple(members) for part, members in own.items()}


def _carve(
    examples: list[Example],
    number: int,
    seed: int,
    source: str,
    part: str,
    names: Mapping[str, str],
    known: Mapping[str, str],
) -> tuple[list[Example], list[Example]]:
    """About `number` labelled images, whole patients, each class in proportion; and all the rest.

    The order of patients does not depend on the task, so that two tasks that score the same ones mostly draw the same.

    :param names: of the patients, by image id. :param known: by id of the labelled images, what is lacking there.
    """
    candidates = [example for example in examples if example.id in known]
    if number >= len(candidates):
        has = counted(len(candidates), "image" if len(candidates) == len(examples) else "labelled image")
        raise DataError(f"the source '{source}' has {has} to train on; {part}: {number} cannot be carved out")
    ranks = {
        patients[index]: place / len(patients)
        for stratum, of_patients in _strata(examples, names, known).items()
        for patients in [sorted(of_patients)]
        for place, index in enumerate(permutation(len(patients), seed, "part", source, part, stratum))
    }
    taken: set[str] = set()
    for by_patient in _strata(candidates, names, known).values():
        wanted, got = number * sum(by_patient.values()) / len(candidates), 0
        for patient in sorted(by_patient, key=lambda patient: (ranks[patient], patient)):
            size = by_patient[patient]
            if got + size / 2 > wanted:
                break
            taken.add(patient)
            got += size
    carved = [example for example in examples if names[example.id] in taken]
    return carved, [example for example in examples if names[example.id] not in taken]


def _fold(
    examples: list[Example], fold: Fold, seed: int, source: str, names: Mapping[str, str], known: Mapping[str, str]
) -> tuple[list[Example], list[Example]]:
    """The images of the patients in the fold, and all the rest. :param names, known: as in `_carve`."""
    number, folds = fold
    candidates = [example for example in examples if example.id in known]
    patients = fold_of_patients(_strata(candidates, names, known), folds, seed, source)
    if len(patients) < folds:
        has = counted(len(patients), "patient")
        raise DataError(f"the source '{source}' has {has} with labels, too few for {folds} folds")
    carved = [example for example in examples if patients.get(names[example.id]) == number]
    return carved, [example for example in examples if patients.get(names[example.id]) != number]


def _strata(
    examples: Sequence[Example], names: Mapping[str, str], lacking: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """By stratum and patient, the number of images. :param names, lacking: by image id."""
    by_patient: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_patient[names[example.id]].append(example)
    strata: dict[str, dict[str, int]] = defaultdict(dict)
    for patient, images in by_patient.items():
        lacks = min((lacking.get(image.id, "") for image in images), key=len)
        strata[_stratum(images) + (f" without {lacks}" if lacks else "")][patient] = len(images)
    return strata


def patient_names(examples: Sequence[Example], persons: Mapping[str, Person]) -> dict[str, str]:
    """By image id, the first in the alphabet of the names under which the source has the patient.

    :param persons: by image id, whom it shows; an image that is not there shows the patient that it names.
    """
    names: dict[object, str] = {}
    for example in examples:
        person = persons.get(example.id, example.patient)
        names[person] = min(names.get(person, example.patient), example.patient)
    return {example.id: names[persons.get(example.id, example.patient)] for example in examples}


def _stratum(examples: list[Example]) -> str:
    """The most frequent label set of a patient, and whether there is a mask."""
    counts: dict[str, int] = {}
    for example in examples:
        labels = "|".join(sorted(example.labels)) if example.labels is not None else "?"
        counts[labels] = counts.get(labels, 0) + 1
    masked = any(example.masks is not None for example in examples)
    return f"{min(counts, key=lambda labels: (-counts[labels], labels))} {masked}"


def _check_patients(source: str, parts: Mapping[SplitName, Sequence[Example]]) -> None:
    patients = {part: {example.patient for example in examples} for part, examples in parts.items()}
    pairs: list[tuple[SplitName, SplitName]] = [("train", "test"), ("val", "test"), ("train", "val")]
    for first, second in pairs:
        shared = patients[first] & patients[second]
        if shared:
            raise DataError(
                f"the source '{source}' has patient '{min(shared)}' in its {first} and its {second} part "
                f"({counted(len(shared), 'such patient')}); a patient belongs to one part"
            )
