"""A component in a recipe: by name, with its options."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, NonNegativeFloat, Tag


class RecipePart(BaseModel):
    """Numbers are finite: an infinite `std` would make every image grey."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


class Component(RecipePart):
    """A component by name; every key other than `use` is one of its options."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False, protected_namespaces=())
    use: str

    @property
    def options(self) -> dict[str, Any]:
        """The component's own keys."""
        return dict(self.model_extra or {})


def as_component(named: "str | Component") -> "Component":
    """A metric may be given by its name alone."""
    return Component(use=named) if isinstance(named, str) else named


def _form(given: object) -> str:
    return "form-list" if isinstance(given, list) else "form-one"


OneOrSeveral = Annotated[
    Annotated[Component, Tag("form-one")] | Annotated[list[Component], Field(min_length=1), Tag("form-list")],
    Discriminator(_form),
]
"""A component, or several of which each gets what the one before it made. Messages leave out the tags."""


class Ramp(RecipePart):
    """A weight that grows linearly from 0 to `to` over the first fraction `until` of training."""

    to: NonNegativeFloat
    until: Annotated[float, Field(gt=0, le=1)] = 1.0

    def at(self, progress: float) -> float:
        """The weight when the fraction `progress` of training is done."""
        return self.to * min(progress / self.until, 1.0)


class StrategyEntry(Component):
    """A strategy and the weight of its loss."""

    weight: NonNegativeFloat | Ramp = 1.0

    def weight_at(self, progress: float) -> float:
        """The weight when the fraction `progress` of training is done."""
        return self.weight.at(progress) if isinstance(self.weight, Ramp) else self.weight


class BalancerEntry(Component):
    """A balancer and what it balances.

    :param over: `tasks`: one loss per task, the weighted sum of its strategies' losses; `strategies`: each strategy's
        weighted loss by itself.
    """

    over: Literal["tasks", "strategies"] = "tasks"
