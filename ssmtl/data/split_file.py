"""split.json: which images of each task are labelled, unlabelled, validation and test."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from ssmtl.data.identity import ImageIdentity, People
from ssmtl.data.names import tidy
from ssmtl.errors import DataError, SsmtlError
from ssmtl.json_file import FileModel, Id, read_model, write_model
from ssmtl.recipe.models import checked_names

Kept = TypeVar("Kept")

Known = dict[Id, Annotated[list[Id], Field(min_length=2, max_length=2)]]
"""By id, the content and the patient of an image."""


class DomainPart(FileModel):
    """The test images of one domain."""

    source: str
    ids: list[Id]


class TaskSplit(FileModel):
    """Ids of images by part; `test` by domain, each with a source of its own.

    :param unlabeled_of: by other source, its images in the unlabelled pool.
    :param left_out: images that the train and the validation part lack, since whom they show is tested or validates.
    """

    model_config = ConfigDict(frozen=True)
    source: str
    labeled: list[Id]
    unlabeled: list[Id]
    val: list[Id]
    test: Annotated[dict[str, DomainPart], AfterValidator(checked_names)]
    unlabeled_of: dict[str, list[Id]] = {}
    left_out: dict[str, int] = {}

    @property
    def pool(self) -> dict[str, list[str]]:
        """The unlabelled pool, by source; without a source that has none in it."""
        return {source: ids for source, ids in {self.source: self.unlabeled, **self.unlabeled_of}.items() if ids}

    @property
    def trained(self) -> dict[str, set[str]]:
        """By source, the images that the task trains on."""
        return {source: {*ids} for source, ids in self.pool.items()} | {self.source: {*self.labeled, *self.unlabeled}}

    @model_serializer(mode="wrap")
    def _as_ever(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A split without images of other sources is written, and hashed, as before there could be any."""
        content: dict[str, Any] = dump(self)
        return {key: value for key, value in content.items() if key != "unlabeled_of" or value}

    def tidied(self) -> "TaskSplit":
        """The same with ids as sources list them, whichever way their accents were encoded when it was written."""
        test = {domain: part.model_copy(update={"ids": [*map(tidy, part.ids)]}) for domain, part in self.test.items()}
        ids = {part: [*map(tidy, getattr(self, part))] for part in ("labeled", "unlabeled", "val")}
        others = {source: [*map(tidy, listed)] for source, listed in self.unlabeled_of.items()}
        return self.model_copy(update={**ids, "unlabeled_of": others, "test": test})


class SplitFile(FileModel):
    """:param fingerprints: by source, of the content that was split.

    :param namespaces: by source, a word that is equal where patients are named alike.
    :param images: by source and id, content and patient of every image of whoever trains or validates; by `init:SOURCE`
        those of the run with whose weights it began.
    :param others: likewise of every other image that a source lists: two sources that have these in common may name
        their patients alike.
    :param tested: by source and id, a hash of what is known of each test image: content, patient, label, masks.
    """

    fingerprints: dict[str, str] = {}
    seed: int = 0
    tasks: Annotated[dict[str, TaskSplit], AfterValidator(checked_names)]
    namespaces: dict[str, str] = {}
    images: dict[str, Known] = {}
    others: dict[str, Known] = {}
    tested: dict[str, dict[Id, str]] = {}

    @model_serializer(mode="wrap")
    def _as_ever(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """One that was written before `others` were is hashed as it was."""
        content: dict[str, Any] = dump(self)
        return {key: value for key, value in content.items() if key != "others" or value}

    def digest(self) -> str:
        """A hash of all of it; the weights that it trains and their checkpoints keep it."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:16]


def read_split_file(path: Path, error: type[SsmtlError] = DataError) -> SplitFile:
    """:raises SsmtlError: of the type `error`, naming the file and the key that is wrong."""
    return read_model(path, SplitFile, error)


def write_split_file(
    path: Path,
    splits: Mapping[str, TaskSplit],
    seed: int,
    fingerprints: Mapping[str, str],
    identities: Mapping[str, Sequence[ImageIdentity]] | None = None,
    namespaces: Mapping[str, str] | None = None,
    people: People | None = None,
    earlier: SplitFile | None = None,
) -> None:
    """:param fingerprints: by source, of the content that was split.

    :param identities: by source, of all that it lists. Of whoever trains or validates they are kept so that none is
        ever tested, and of the test images a hash, so that a change of them is seen.
    :param namespaces: by source, a word that is equal where patients are named alike; a source's own name if not given.
    :param people: whom the images show; by default, what `identities` and `namespaces` tell.
    :param earlier: of the run with whose weights this one begins: who trained or selected that one did so here too.
    """
    before = earlier or SplitFile(tasks={})
    identities = identities or {}
    spaces = {source: (namespaces or {}).get(source, source) for source in identities}
    tests = [part for split in splits.values() for part in split.test.values()]
    used, others = _images(splits, identities, people or People(identities, spaces))
    content = SplitFile(
        fingerprints=dict(fingerprints),
        seed=seed,
        tasks=dict(splits),
        namespaces={**spaces, **(namespaces or {})} | _of_init(before.namespaces),
        images=used | _of_init(before.images),
        others=others | _of_init(before.others),
        tested={
            source: {image.id: image.digest() for image in listed if image.id in ids}
            for source, listed in identities.items()
            if (ids := {one for part in tests if part.source == source for one in part.ids})
        },
    )
    write_model(path, content)


def _of_init(by_source: Mapping[str, Kept]) -> dict[str, Kept]:
    """Under names that no source of a recipe has."""
    return {f"init:{source}": value for source, value in by_source.items()}


def _images(
    splits: Mapping[str, TaskSplit], identities: Mapping[str, Sequence[ImageIdentity]], people: People
) -> tuple[dict[str, Known], dict[str, Known]]:
    """Every image of whoever trains or validates, and the others. The former also those that do neither, such as one
    without a label, since a copy of it shows the same person.
    """
    ids: dict[str, set[str]] = {}
    for split in splits.values():
        for source, trained in split.trained.items():
            ids.setdefault(source, set()).update(trained)
        ids[split.source].update(split.val)
    used = {
        people.person(source, image)
        for source, listed in identities.items()
        for image in listed
        if image.id in ids.get(source, ())
    }
    of_users: dict[str, Known] = {}
    of_others: dict[str, Known] = {}
    for source, listed in identities.items():
        for image in listed:
            found = of_users if people.person(source, image) in used else of_others
            found.setdefault(source, {})[image.id] = [image.content, image.patient]
    return of_users, of_others


def split_digest(splits: Mapping[str, TaskSplit], seed: int) -> str:
    """A hash of which image is in which part."""
    content = {"seed": seed, "tasks": {task: split.model_dump() for task, split in splits.items()}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
