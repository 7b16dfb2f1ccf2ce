"""A source in a recipe."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from ssmtl.recipe.components import Component

PixelValue = Annotated[int, Field(ge=0, le=65535)] | Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]
"""A grey value as it is stored, or a colour."""

Share = Annotated[float, Field(gt=0, lt=1)]


class SourceEntry(Component):
    """A source, and what the core does with it.

    :param val, test: share or number of images carved out of the train part, by patient, where the data set has no
        such part of its own. `test: 0` keeps a set without a split of its own for training alone.
    :param rename: renames classes; null drops a label.
    :param values: what the pixel values of masks mean: structure → the values inside it, `ignore` → those of which
        nothing is known, `background` → those outside every structure ([0]).
    :param disjoint_from: another source: each patient that both have is given to one of them, a `share` of these
        patients to this one.
    :param patients: a word that two entries share if both name their patients alike: one name, one person. Without it,
        sources with the same root do, and those that share images and agree on their patients.
    :param portion: from where to where, such as [0, 0.5], in an order of patients that their names decide, and not
        the seed: these patients are the source, and the others are not in it.
    :param on_error: what to do about an image that does not decode.
    """

    val: Share | PositiveInt | None = None
    test: Share | NonNegativeInt | None = None
    rename: dict[str, Annotated[str, Field(min_length=1)] | None] = {}
    values: dict[str, Annotated[list[PixelValue], Field(min_length=1)]] = {}
    disjoint_from: str | None = None
    share: Share = 0.5
    patients: Annotated[str, Field(min_length=1)] | None = None
    portion: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    on_error: Literal["stop", "skip"] = "stop"

    @field_validator("test", mode="before")
    @classmethod
    def _test(cls, test: Any) -> Any:
        if type(test) in (int, float) and test < 0:
            raise ValueError("should be a share, a number of images, or 0 for none")
        return 0 if type(test) is float and test == 0 else test

    @field_validator("portion", mode="before")
    @classmethod
    def _portion(cls, portion: Any) -> Any:
        two = isinstance(portion, list) and len(portion) == 2 and all(type(one) in (int, float) for one in portion)
        if portion is not None and not (two and 0 <= portion[0] < portion[1] <= 1):
            raise ValueError("should be two numbers from 0 to 1, the first below the second, such as [0, 0.5]")
        return portion

    @field_validator("values")
    @classmethod
    def _values(cls, values: dict[str, list[int | str]]) -> dict[str, list[int | str]]:
        special = {name: values.get(name, []) for name in ("ignore", "background")}
        for name, listed in special.items():
            for other, others in values.items():
                if other != name and set(listed) & set(others):
                    raise ValueError(f"'{name}' and '{other}' have a value in common")
        return values
