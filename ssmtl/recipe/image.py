"""What the images of a recipe become: their size and their normalisation."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, field_validator, model_validator

from ssmtl.contracts.shapes import sides
from ssmtl.recipe.components import RecipePart

SHORTEST, LONGEST = 16, 8192
"""Of a side, in pixels."""

Side = Annotated[int, Field(ge=SHORTEST, le=LONGEST)]


class ImageSpec(RecipePart):
    """Images are resized to `size`: n × n pixels, or [height, width].

    :param fit: `stretch`: the aspect ratio is not kept; `pad`: it is, with black around the image, of which nothing is
        known in masks.

    The model normalises them as (x − mean) / std, with one value per channel or one for all.
    """

    size: Side | tuple[Side, Side] = 64
    fit: Literal["stretch", "pad"] = "stretch"
    channels: Literal[1, 3] = 1
    mean: list[float] = [0.5]
    std: list[PositiveFloat] = [0.25]

    @field_validator("size", mode="before")
    @classmethod
    def _size(cls, size: object) -> object:
        given = size if isinstance(size, list | tuple) and len(size) == 2 else [size]
        if not all(type(side) is int and SHORTEST <= side <= LONGEST for side in given):
            raise ValueError(f"should be one number of pixels from {SHORTEST} to {LONGEST}, or [height, width]")
        return given[0] if len(set(given)) == 1 else tuple(given)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (self.channels, *sides(self.size))

    @model_validator(mode="after")
    def _lengths(self) -> "ImageSpec":
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise ValueError(f"'{name}' has {len(getattr(self, name))} values for {self.channels} channels")
        return self


class Normalize(RecipePart):
    """Normalisation of one task's images, in place of the recipe's; see `ImageSpec`."""

    mean: Annotated[list[float], Field(min_length=1)]
    std: Annotated[list[PositiveFloat], Field(min_length=1)]
