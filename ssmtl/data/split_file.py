"""split.json: which images of each task are labelled, unlabelled, validation and test."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict

from ssmtl.errors import DataError, SsmtlError
from ssmtl.json_file import FileModel, Id, read_model, write_model
from ssmtl.recipe.models import checked_names


class DomainPart(FileModel):
    """The test images of one domain."""

    source: str
    ids: list[Id]


class TaskSplit(FileModel):
    """Ids of images by part; `test` by domain, each with a source of its own."""

    model_config = ConfigDict(frozen=True)
    source: str
    labeled: list[Id]
    unlabeled: list[Id]
    val: list[Id]
    test: Annotated[dict[str, DomainPart], AfterValidator(checked_names)]


class SplitFile(FileModel):
    """:param fingerprints: by source, of the content that was split."""

    fingerprints: dict[str, str] = {}
    seed: int = 0
    tasks: Annotated[dict[str, TaskSplit], AfterValidator(checked_names)]


def read_split_file(path: Path, error: type[SsmtlError] = DataError) -> SplitFile:
    """:raises SsmtlError: of the type `error`, naming the file and the key that is wrong."""
    return read_model(path, SplitFile, error)


def write_split_file(path: Path, splits: Mapping[str, TaskSplit], seed: int, fingerprints: Mapping[str, str]) -> None:
    """:param fingerprints: by source, of the content that was split."""
    write_model(path, SplitFile(fingerprints=dict(fingerprints), seed=seed, tasks=dict(splits)))


def split_digest(splits: Mapping[str, TaskSplit], seed: int) -> str:
    """A hash of which image is in which part."""
    content = {"seed": seed, "tasks": {task: split.model_dump() for task, split in splits.items()}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
