"""With whose weights a training begins."""

from typing import Annotated, Literal

from pydantic import Field

from ssmtl.recipe.components import RecipePart


class Init(RecipePart):
    """Another run's weights; with its best ones, its folder alone says the same.

    :param run: the folder of a finished run. :param weights: those that its validation selected, or its last.
    """

    run: Annotated[str, Field(min_length=1)]
    weights: Literal["best", "last"] = "best"
