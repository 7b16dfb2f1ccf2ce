"""What a run folder's files must look like: a folder from elsewhere, or a damaged one, is refused with file and key."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from zipfile import BadZipFile

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from ssmtl.errors import RunError
from ssmtl.options import problems_of


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("should be text")
    return value


Id = Annotated[Any, AfterValidator(_text)]
"""Of an image: a string, also one that stands for a file name whose bytes are no text."""


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
    skipped: dict[str, dict[Id, str]] = {}
    validation: dict[str, dict[str, float | None]] = {}
    parameters: int = 0
    steps: int = 0
    seconds: float = 0.0


class _Tested(_Part):
    source: str
    ids: list[Id]


class _TaskSplit(_Part):
    source: str
    labeled: list[Id]
    unlabeled: list[Id]
    val: list[Id]
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
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        form.model_validate(content)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        raise RunError(f"{path}: {next(problems_of(error, '', form))}") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not valid JSON: {error}") from error
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
