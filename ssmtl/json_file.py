"""JSON files that have a model: written whole or not at all, and read with one error that names file and key."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from ssmtl.atomic_file import write_text
from ssmtl.errors import RunError, SsmtlError
from ssmtl.validation_errors import problems_of


class FileModel(BaseModel):
    """Keys that a later version may have added are kept."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("should be text")
    return value


Id = Annotated[Any, AfterValidator(_text)]
"""Of an image: a string, also one that stands for a file name whose bytes are no text."""

Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A float that may be NaN, which is null in the file."""

Model = TypeVar("Model", bound=BaseModel)


def read_model(path: Path, model: type[Model], error: type[SsmtlError] = RunError) -> Model:
    """The file's content.

    :raises SsmtlError: of the type `error`, naming the file and the key that is not as the model says.
    """
    try:
        return model.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as found:
        raise error(f"{path} cannot be read: {found.strerror or found}") from found
    except ValidationError as found:
        raise error(f"{path}: {next(problems_of(found, '', model))}") from found
    except (ValueError, RecursionError) as found:
        raise error(f"{path}: not valid JSON: {found}") from found


def write_model(path: Path, model: BaseModel) -> None:
    """Whole or not at all; the same content gives the same bytes."""
    write_text(path, json.dumps(without_nan(model.model_dump()), indent=1))


def without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for both."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
