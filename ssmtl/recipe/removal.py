"""Where null in a recipe takes something away, and where it is a value."""

from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ssmtl.recipe.models import Recipe


def removable(keys: Sequence[str]) -> bool:
    """Whether null takes a key away: one that a recipe may lack, and whose value cannot be null.

    Options of components may be null; only their plugins know.
    """
    kinds: list[Any] = [Recipe]
    may_lack = False
    for key in keys:
        found = [inside for one in kinds if (inside := _inside(one, key)) is not None]
        kinds = [kind for annotation, _ in found for kind in _members(annotation)]
        may_lack = bool(found) and all(lacking for _, lacking in found)
    return may_lack and NoneType not in kinds


def _inside(kind: Any, key: str) -> tuple[Any, bool] | None:
    """The type of a key's value, and whether the key may be lacking."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(key)
        return None if field is None else (field.annotation, not field.is_required())
    return (get_args(kind)[-1], True) if get_origin(kind) in (dict, list) else None


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for one in get_args(annotation) for member in _members(one)]
    return [annotation]
