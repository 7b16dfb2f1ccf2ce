"""What a run folder's files must look like: a folder from elsewhere, or a damaged one, is refused with file and key."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from pydantic import BaseModel, ConfigDict, ValidationError

from ssmtl.errors import RunError
from ssmtl.options import problems_of


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Selected(_Part):
    by: str
    step: int
    score: float | None = None


class Results(_Part):
    """results.json."""

    name: str
    seed: int
    tasks: dict[str, dict[str, dict[str, float | None]]]
    counts: dict[str, dict[str, dict[str, int]]] = {}
    selected: _Selected
    recipe_hash: str
    data_fingerprint: str = ""
    budgets: dict[str, dict[str, Any]] = {}
    kinds: dict[str, str] = {}
    classes: dict[str, list[str]] = {}
    sources: dict[str, dict[str, str]] = {}
    skipped: dict[str, dict[str, str]] = {}
    validation: dict[str, dict[str, float | None]] = {}
    parameters: int = 0
    steps: int = 0
    seconds: float = 0.0


class _Tested(_Part):
    source: str
    ids: list[str]


class _TaskSplit(_Part):
    source: str
    labeled: list[str]
    unlabeled: list[str]
    val: list[str]
    test: dict[str, _Tested]


class Split(_Part):
    """split.json."""

    fingerprints: dict[str, str] = {}
    tasks: dict[str, _TaskSplit]


def read_json(path: Path, form: type[BaseModel]) -> dict[str, Any]:
    """The file's content as plain data.

    :raises RunError: naming the file and the key that is not of this form.
    """
    try:
        text = path.read_text(encoding="utf-8")
        form.model_validate_json(text)
        content: dict[str, Any] = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        first = next(problems_of(error, "", form))
        raise RunError(f"{path}: {first}" if first.where else f"{path}: not valid JSON: {first.what}") from error
    return content


@contextmanager
def damaged(folder: Path) -> Iterator[None]:
    """What else can be wrong in a run's files shows where they are used.

    :raises RunError: naming the folder.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, BadZipFile, EOFError) as error:
        raise RunError(
            f"a file of {folder} is damaged, or of another version: {error!r:.300} (--debug shows the traceback)"
        ) from error
