"""The recipe as frozen, forbidding models: what may stand in the YAML file."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

Share = Annotated[float, Field(gt=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class Component(_Part):
    """A component by name; every key besides `use` belongs to the component."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, protected_namespaces=())
    use: str

    @property
    def options(self) -> dict[str, Any]:
        """The component's own keys."""
        return dict(self.model_extra or {})


class Ramp(_Part):
    """A weight that grows linearly from 0 to `to` within the first `until` of the training."""

    to: NonNegativeFloat
    until: Annotated[float, Field(gt=0, le=1)] = 1.0

    def at(self, progress: float) -> float:
        """The weight when `progress` of the training is done."""
        return self.to * min(progress / self.until, 1.0)


class StrategyEntry(Component):
    """A strategy and the weight of its loss."""

    weight: NonNegativeFloat | Ramp = 1.0

    def weight_at(self, progress: float) -> float:
        """The weight when `progress` of the training is done."""
        return self.weight.at(progress) if isinstance(self.weight, Ramp) else self.weight


class SourceEntry(Component):
    """A source, and what the core does with it.

    :param val, test: share or number of images carved out of the train part, by patient, where the data set has no
        such part itself.
    :param labels: renames class names; null drops a label.
    :param disjoint_from: another source: patients found in both go to one of them only; `share` of them to this one.
    :param on_error: what an image that does not decode does.
    """

    val: Share | PositiveInt | None = None
    test: Share | PositiveInt | None = None
    labels: dict[str, str | None] = {}
    disjoint_from: str | None = None
    share: Share = 0.5
    on_error: Literal["stop", "skip"] = "stop"


class ImageSpec(_Part):
    """Images are resized to size × size.

    The model normalises them as (x − mean) / std, one value a channel or one for all.
    """

    size: Annotated[int, Field(ge=16, le=8192)] = 64
    channels: Literal[1, 3] = 1
    mean: list[float] = [0.5]
    std: list[PositiveFloat] = [0.25]

    @model_validator(mode="after")
    def _lengths(self) -> "ImageSpec":
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise ValueError(f"'{name}' has {len(getattr(self, name))} values for {self.channels} channels")
        return self


class Normalize(_Part):
    """Of one task's images, in the place of the recipe's; see `ImageSpec`."""

    mean: Annotated[list[float], Field(min_length=1)]
    std: Annotated[list[PositiveFloat], Field(min_length=1)]


def _checked_names(named: dict[str, Any]) -> dict[str, Any]:
    """They become parts of file names."""
    for name in named:
        if not name or len(name) > 60 or not all(character.isalnum() or character in "_-" for character in name):
            raise ValueError(f"the name {name!r:.80} should be made of up to 60 letters, digits, '_' and '-'")
    return named


class TaskSpec(_Part):
    """One task.

    :param labeled: how many images of the train part keep their labels: a number, a share, `all`, or a number a class.
    :param unlabeled_includes_labeled: whether the unlabelled pool holds the labelled images too, as in FixMatch.
    :param unlabeled_batch: unlabelled rows a step; as many as labelled ones if not given.
    :param evaluate_on: domain name to source name; a task's own source stands for its test part.
    :param normalize: if this task's images are normalised otherwise than `image` says.
    :param disjoint_from: another task, whose patients this task must not see.
    """

    source: str
    labeled: NonNegativeInt | Annotated[float, Field(gt=0, le=1)] | Literal["all"] | dict[str, NonNegativeInt] = "all"
    unlabeled_includes_labeled: bool = True
    batch: PositiveInt = 10
    unlabeled_batch: PositiveInt | None = None
    disjoint_from: str | None = None
    evaluate_on: dict[str, str] = {}
    bridge: Component | None = None
    head: Component
    normalize: Normalize | None = None
    augment: dict[str, Component] = {}
    strategies: Annotated[list[StrategyEntry], Field(min_length=1)]
    metrics: list[str | Component] = []

    @field_validator("evaluate_on")
    @classmethod
    def _domains(cls, named: dict[str, str]) -> dict[str, str]:
        return _checked_names(named)

    @field_validator("labeled", mode="before")
    @classmethod
    def _labeled(cls, value: object) -> object:
        counts = isinstance(value, dict) and value and all(type(n) is int and n >= 0 for n in value.values())
        share = type(value) is float and 0 < value <= 1
        if not (counts or share or value == "all" or (type(value) is int and value > 0)):
            raise ValueError("should be a number of images, a share between 0 and 1, 'all', or a number for each class")
        return value


class Optimizer(_Part):
    """:param betas: of Adam and AdamW. :param momentum: of SGD."""

    use: Literal["adam", "adamw", "sgd"] = "adam"
    lr: PositiveFloat = 1e-4
    weight_decay: NonNegativeFloat = 0.0
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = True


Duration = PositiveInt | Annotated[str, Field(pattern=r"^\s*\d+(\.\d+)?\s+(steps?|epochs?)\s*$")]
"""Steps, or '8 epochs': an epoch is one pass over the largest task's training images, labelled or not."""

Minutes = Annotated[str, Field(pattern=r"^\s*\d+(\.\d+)?\s+minutes?\s*$")]
"""Such as '10 minutes'."""


class Schedule(_Part):
    """The learning rate over time, after a linear warm-up.

    :param every, gamma: of `step`: the rate is multiplied by gamma each time.
    :param floor: of `cosine`: share of the initial rate at the end.
    """

    use: Literal["constant", "step", "cosine"] = "constant"
    warmup: NonNegativeInt = 0
    every: Duration = 1000
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0


class Train(_Part):
    """How long, on what, and which weights are kept.

    :param ema: decay of the exponential moving average of the weights, evaluated instead of the raw ones.
    :param clip: largest norm of the gradient.
    :param select_by: `validation`: weights with the best mean validation score over the tasks; `last`: the last ones;
        `first`: those of the first evaluation, as MultiMix's public script keeps. Never the test part.
    :param gradient_cosine_every: steps between two logs of the angle between the tasks' gradients, in 32-bit
        precision; null: never.
    :param checkpoint_every: how often the state is saved that `--resume` goes on from: steps, epochs or minutes.
    :param keep_checkpoints: how many of the last are kept.
    :param on_nonfinite: what a step does whose loss or gradient is NaN or infinite: `stop` the run, or `skip` the step.
    :param max_skipped: skipped steps before the run stops all the same.
    :param timeout: seconds that a process waits for the others before it gives up (`devices` above 1).
    :param test_dropout: the backbone's dropout stays on in evaluation, as in MultiMix's public script.
    :param decode_all_rows: every head decodes the rows of all tasks and keeps its own, as in that script: slower, and
        nothing else but dropout's draws changes.
    """

    steps: PositiveInt = 1000
    evaluate_every: PositiveInt = 100
    log_every: PositiveInt = 10
    select_by: Literal["validation", "last", "first"] = "validation"
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip: PositiveFloat | None = None
    gradient_cosine_every: PositiveInt | None = 50
    checkpoint_every: Duration | Minutes = "10 minutes"
    keep_checkpoints: PositiveInt = 2
    on_nonfinite: Literal["stop", "skip"] = "stop"
    max_skipped: PositiveInt = 10
    timeout: PositiveInt = 600
    test_dropout: bool = False
    decode_all_rows: bool = False
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: PositiveInt = 1
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"

    @field_validator("precision", mode="before")
    @classmethod
    def _precision(cls, value: object) -> object:
        return str(value) if type(value) is int else value


class Recipe(_Part):
    """A whole experiment.

    :param plugins: Python files that implement hooks, beside the recipe; they need `--allow-local-plugins`.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    seed: NonNegativeInt = 0
    image: ImageSpec = ImageSpec()
    sources: dict[str, SourceEntry]
    split: str | None = None
    plugins: list[str] = []
    backbone: Component
    tasks: Annotated[dict[str, TaskSpec], Field(min_length=1)]
    balancer: Component = Component(use="fixed")
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    train: Train = Train()

    @model_validator(mode="after")
    def _channels(self) -> "Recipe":
        for name, task in self.tasks.items():
            for key in ("mean", "std") if task.normalize else ():
                if len(getattr(task.normalize, key)) not in (1, self.image.channels):
                    raise ValueError(f"'{key}' of tasks.{name}.normalize should have one value, or one a channel")
        return self

    @field_validator("tasks", "sources")
    @classmethod
    def _names(cls, named: dict[str, Any]) -> dict[str, Any]:
        return _checked_names(named)

    def content(self) -> dict[str, Any]:
        """The recipe as plain data, every default written out."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """A hash of the resolved recipe."""
        return hashlib.sha256(json.dumps(self.content(), sort_keys=True).encode()).hexdigest()[:16]
