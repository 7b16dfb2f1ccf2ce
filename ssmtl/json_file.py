"""JSON files with a pydantic model: written whole or not at all; a read error names the file and the key."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ssmtl.atomic_file import write_text
from ssmtl.errors import RunError, SsmtlError
from ssmtl.regular_file import read_text
from ssmtl.validation_errors import problems_of


class FileModel(BaseModel):
    """Unknown keys, which a later version may have added, are kept."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("should be text")
    return value


Id = Annotated[Any, AfterValidator(_text)]
"""An image's id: a string, possibly with surrogate escapes for a file name that is not valid UTF-8."""

Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A float that may be NaN or infinite, stored as null."""

Count = Annotated[int, Field(ge=0, le=2**53)]
"""How many of something there are; more than 2 ** 53 is no count, and no exact float."""

Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
"""A duration, of up to 30 000 years."""

Model = TypeVar("Model", bound=BaseModel)


def read_model(path: Path, model: type[Model], error: type[SsmtlError] = RunError) -> Model:
    """The file's content.

    :raises SsmtlError: of the type `error`, naming the file and the key that does not match the model.
    """
    try:
        return model.model_validate(json.loads(read_text(path)))
    except OSError as cause:
        raise error(f"{path} cannot be read: {cause.strerror or cause}") from cause
    except ValidationError as cause:
        raise error(f"{path}: {next(problems_of(cause, '', model))}") from cause
    except (ValueError, RecursionError, OverflowError) as cause:
        raise error(f"{path}: not valid JSON: {cause}") from cause


def write_model(path: Path, model: BaseModel) -> None:
    """Written whole or not at all; the same content gives the same bytes."""
    write_text(path, json.dumps(without_nan(model.model_dump()), indent=1))


def without_nan(value: Any) -> Any:
    """JSON has neither NaN nor infinity: both become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
