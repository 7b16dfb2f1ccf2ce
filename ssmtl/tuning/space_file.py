"""The models of a space's YAML file: what is searched, how, and with which budget."""

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from ssmtl.errors import Problem, RecipeError
from ssmtl.recipe import yaml_file
from ssmtl.validation_errors import problems_of

Finite = Annotated[float, Field(allow_inf_nan=False)]

OPTIONS = {
    "tpe": ("startup",), "random": (), "grid": (),
    "none": (), "median": ("factor", "rungs", "at", "startup"), "halving": ("factor", "rungs", "at"),
}  # fmt: skip
"""Which options each sampler and each pruner has."""


LARGEST_GRID = 100_000
"""Points, all of which are listed to be drawn from."""


class SpacePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Parameter(SpacePart):
    """What one key of the recipe may be: from `low` to `high`, both included, or one of `choices`.

    :param low, high: whole numbers if both are. :param log: whether equal ratios are equally likely.
    :param step: between neighbouring values.
    """

    low: int | Finite | None = None
    high: int | Finite | None = None
    log: bool = False
    step: int | Finite | None = None
    choices: Annotated[list[Any], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Parameter":
        numbers = {"low", "high", "log", "step"} & self.model_fields_set
        if self.choices is not None:
            if numbers:
                raise ValueError(f"should be either choices or low and high; '{sorted(numbers)[0]}' is beside choices")
            if len({_text(one) for one in self.choices}) < len(self.choices):
                raise ValueError("choices: each should be there once")
            return self
        if self.low is None or self.high is None:
            raise ValueError("should be {low: NUMBER, high: NUMBER} or {choices: [VALUE, …]}")
        if self.low >= self.high:
            raise ValueError(f"low should be less than high, {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log: low should be above 0, and there should be no step")
        if self.step is not None:
            steps = (self.high - self.low) / self.step if self.step > 0 else 0.5
            if abs(steps - round(steps)) > 1e-6 or (self.whole and not isinstance(self.step, int)):
                raise ValueError(f"step should be above 0 and lead from low to high in whole steps, not {self.step}")
        return self

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def count(self) -> int | None:
        """How many values it has; None if there is no end of them."""
        if self.choices is not None:
            return len(self.choices)
        step = self.step or (1 if self.whole else None)
        assert self.low is not None
        assert self.high is not None
        return None if step is None else round((self.high - self.low) / step) + 1

    @property
    def points(self) -> list[Any]:
        """All its values, in order, if there is an end of them."""
        if self.choices is not None:
            return list(self.choices)
        assert self.low is not None
        return [tidy(self.low + number * (self.step or 1)) for number in range(self.count or 0)]

    def place_of(self, choice: Any) -> int:
        """Of one of its choices; 1 and true are two."""
        return [_text(one) for one in self.choices or ()].index(_text(choice))

    def has(self, value: Any) -> bool:
        """Whether a value is one of its own, as far as a float's last digits tell."""
        if self.choices is not None:
            return _text(value) in map(_text, self.choices)
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        inside = bool(self.low <= value <= self.high)  # type: ignore[operator]
        return inside or any(math.isclose(value, one, rel_tol=1e-9) for one in self.bounds)

    @property
    def bounds(self) -> list[Any]:
        """Its choices, or its lowest and its highest value."""
        return list(self.choices) if self.choices is not None else [self.low, self.high]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def tidy(value: Any) -> Any:
    """A float without the last digits, which sums of steps leave behind; anything else as it is."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


class WithOptions(SpacePart):
    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"use": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _own_options(self) -> "WithOptions":
        use = str(getattr(self, "use", ""))
        for name in sorted(self.model_fields_set - {"use"}):
            if name not in OPTIONS[use]:
                own = ", ".join(OPTIONS[use]) or "none"
                raise ValueError(f"'{name}' is no option of '{use}' (its options: {own})")
        return self


class Sampler(WithOptions):
    """How values are proposed. :param startup: trials that are drawn at random before tpe begins to model."""

    use: Literal["tpe", "random", "grid"] = "tpe"
    startup: PositiveInt = 10


class Pruner(WithOptions):
    """Which trials of a round end early, by validation alone.

    :param factor, rungs: trials are compared after steps / factorⁿ for n = rungs, …, 1. :param at: after these instead.
    :param startup: for `median`: how many earlier trials must have come that far.
    """

    use: Literal["none", "median", "halving"] = "none"
    factor: Annotated[int, Field(ge=2)] = 2
    rungs: PositiveInt = 2
    at: Annotated[list[PositiveInt], Field(min_length=1)] | None = None
    startup: PositiveInt = 4


class Space(SpacePart):
    """A search.

    :param parameters: by key of the recipe, as for `--set`.
    :param trials: how many at most. :param steps: of training, over all trials and seeds, at most.
    :param seed: of the proposals. :param seeds: that each trial is trained with; its value is their mean. None: the
        recipe's own.
    :param ahead: trials in a round; they are proposed together, from what earlier rounds have shown.
    :param threads: of one run on a CPU. :param time_limit: seconds after which a run is ended and its trial has failed.
    """

    parameters: Annotated[dict[str, Parameter], Field(min_length=1)]
    trials: PositiveInt | None = None
    steps: PositiveInt | None = None
    seed: NonNegativeInt = 0
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1)] | None = None
    sampler: Sampler = Sampler()
    pruner: Pruner = Pruner()
    ahead: PositiveInt = 4
    threads: PositiveInt = 1
    time_limit: Annotated[float, Field(gt=0)] | None = None

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int] | None) -> list[int] | None:
        if seeds is not None and len(set(seeds)) < len(seeds):
            raise ValueError("should each be there once")
        return seeds

    @model_validator(mode="after")
    def _budget(self) -> "Space":
        if self.sampler.use == "grid":
            for key, parameter in self.parameters.items():
                if parameter.count is None:
                    raise ValueError(f"parameters.{key}: a grid needs choices, whole numbers, or a step")
            if self.size > LARGEST_GRID:
                raise ValueError(f"sampler: the grid has {self.size:,} points; expected at most {LARGEST_GRID:,}")
            if self.trials is not None and self.trials > self.size:
                raise ValueError(f"trials: the grid has {self.size} points, found {self.trials}")
        elif self.trials is None and self.steps is None:
            raise ValueError("should have 'trials', 'steps', or both: the budget of the search")
        return self

    @property
    def size(self) -> int:
        """Points of the grid."""
        return math.prod(parameter.count or 0 for parameter in self.parameters.values())


def read_space(path: Path) -> Space:
    """:raises RecipeError: with every error of form and where it is."""
    return space_of(yaml_file.read_mapping(path), str(path))


def space_of(content: dict[str, Any], where: str) -> Space:
    """:param where: its file. :raises RecipeError: as `read_space`."""
    try:
        return Space.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        found = {UNION_MEMBER.sub("", one.where): one for one in problems_of(error, "", Space)}
    problems = [Problem(f"{where}: {key}".rstrip(": "), _without_all(one.what), one.hint) for key, one in found.items()]
    raise RecipeError(problems)


UNION_MEMBER = re.compile(r"\.(int|float|constrained-float|literal\[.*|function-.*)$")
"""What pydantic adds to a key to say which member of a union of types it tried."""


def _without_all(what: str) -> str:
    """Without the whole of what was found, where that is a mapping: its keys are in the place."""
    return what.partition(", found {")[0]
