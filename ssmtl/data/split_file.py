"""split.json: which images of each task are labelled, unlabelled, validation and test."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from ssmtl.data.identity import ImageIdentity, People
from ssmtl.errors import DataError, RunError, SsmtlError
from ssmtl.json_file import FileModel, Id, read_model, write_model
from ssmtl.recipe.models import checked_names


class DomainPart(FileModel):
    """The test images of one domain."""

    source: str
    ids: list[Id]


class TaskSplit(FileModel):
    """Ids of images by part; `test` by domain, each with a source of its own.

    :param left_out: images that the train and the validation part lost, since whom they show is tested or validates.
    """

    model_config = ConfigDict(frozen=True)
    source: str
    labeled: list[Id]
    unlabeled: list[Id]
    val: list[Id]
    test: Annotated[dict[str, DomainPart], AfterValidator(checked_names)]
    left_out: dict[str, int] = {}


class SplitFile(FileModel):
    """:param fingerprints: by source, of the content that was split.

    :param namespaces: by source, a word that is equal where patients are named alike.
    :param images: by source and id, content and patient of every image that trains or validates.
    """

    fingerprints: dict[str, str] = {}
    seed: int = 0
    tasks: Annotated[dict[str, TaskSplit], AfterValidator(checked_names)]
    namespaces: dict[str, str] = {}
    images: dict[str, dict[Id, Annotated[list[Id], Field(min_length=2, max_length=2)]]] = {}


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
) -> None:
    """:param fingerprints: by source, of the content that was split.

    :param identities: by source, of its images; those that train or validate are kept, so that none is ever tested.
    """
    used: dict[str, set[str]] = {}
    for split in splits.values():
        used.setdefault(split.source, set()).update((*split.labeled, *split.unlabeled, *split.val))
    images = {
        source: {image.id: [image.content, image.patient] for image in listed if image.id in used.get(source, ())}
        for source, listed in (identities or {}).items()
        if source in used
    }
    content = SplitFile(
        fingerprints=dict(fingerprints), seed=seed, tasks=dict(splits), namespaces=dict(namespaces or {}), images=images
    )
    write_model(path, content)


def split_digest(splits: Mapping[str, TaskSplit], seed: int) -> str:
    """A hash of which image is in which part."""
    content = {"seed": seed, "tasks": {task: split.model_dump() for task, split in splits.items()}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def used_images(split: SplitFile, images: Sequence[ImageIdentity], namespace: str) -> frozenset[str]:
    """Ids of those of these images that trained or selected the model of the split, or show somebody who did.

    :param images: of any source, whatever it is called. :param namespace: of its patients.
    :raises RunError: if the split does not tell who was used.
    """
    recorded = {
        f"used {source}": [ImageIdentity(one, patient, content) for one, (content, patient) in listed.items()]
        for source, listed in split.images.items()
    }
    for name, task in split.tasks.items():
        known = split.images.get(task.source, {})
        unknown = [one for one in (*task.labeled, *task.unlabeled, *task.val) if one not in known]
        if unknown:
            raise RunError(f"split.json: images.{task.source}: lacks '{unknown[0]}', which task '{name}' used")
    spaces = {f"used {source}": split.namespaces.get(source, f"used {source}") for source in split.images}
    people = People({**recorded, "asked": images}, {**spaces, "asked": namespace})
    used = {people.person(source, image) for source, listed in recorded.items() for image in listed}
    return frozenset(image.id for image in images if people.person("asked", image) in used)
