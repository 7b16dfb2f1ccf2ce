"""How a recipe is trained: optimiser, learning rate, length, selection, hardware."""

import re
from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from ssmtl.recipe.components import RecipePart


class Optimizer(RecipePart):
    """:param betas: for Adam and AdamW. :param momentum: for SGD."""

    use: Literal["adam", "adamw", "sgd"] = "adam"
    lr: PositiveFloat = 1e-4
    weight_decay: NonNegativeFloat = 0.0
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = True


LENGTH = r"^\s*\d+(\.\d+)?\s+(steps?|epochs?)\s*$"
TIME = r"^\s*\d+(\.\d+)?\s+minutes?\s*$"

Length = Annotated[str, Field(pattern=LENGTH)]
"""'100 steps' or '8 epochs': an epoch is one pass over the largest task's training images, labelled or not."""

Duration = PositiveInt | Length
"""Steps as a number or a `Length`."""

Minutes = Annotated[str, Field(pattern=TIME)]
"""Such as '10 minutes'."""


class Schedule(RecipePart):
    """The learning rate over time, after a linear warm-up.

    :param warmup: its length, in steps or epochs.
    :param every, gamma: for `step`: after each interval `every`, the rate is multiplied by gamma.
    :param floor: for `cosine`: the final rate as a fraction of the initial one.
    """

    use: Literal["constant", "step", "cosine"] = "constant"
    warmup: NonNegativeInt | Length = 0
    every: Duration = 1000
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0

    @field_validator("warmup", "every", mode="before")
    @classmethod
    def _lengths(cls, value: object) -> object:
        if isinstance(value, str) and not re.match(LENGTH, value):
            raise ValueError("should be a number of steps, or such as '100 steps' or '8 epochs'")
        return value


class EarlyStopping(RecipePart):
    """Training ends after `patience` evaluations in a row whose score is not above the best by more than `min_delta`.

    The score is the one that selects weights; an evaluation without one counts as no better. Schedules and ramps are of
    `train.steps` all the same.
    """

    patience: PositiveInt
    min_delta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Train(RecipePart):
    """How long, on what, and which weights are kept.

    :param ema: decay of the exponential moving average of the weights, evaluated instead of the raw ones.
    :param clip: maximum norm of the gradient.
    :param micro_batch: how many rows pass through the network at a time: `auto` chooses by the size of images, on a
        GPU by its memory; a number; or `off`, all rows of all tasks in one pass.
    :param select_by: `validation`: the weights with the best mean validation score over the tasks; `last`: the final
        ones. The test part is never used.
    :param early_stopping: end before `steps` if validation gets no better; null: never.
    :param gradient_cosine_every: how many steps apart the cosine between the tasks' gradients is logged, in 32-bit
        precision; null: never.
    :param checkpoint_every: how often to save the state that `--resume` continues from: steps, epochs or minutes.
    :param keep_checkpoints: how many of the latest are kept.
    :param on_nonfinite: what to do if a loss or gradient is NaN or infinite: `stop` the run, or `skip` the step.
    :param max_skipped: skipped steps before the run stops anyway.
    :param timeout: seconds that a process waits for the others before giving up; at most a year.
    :param devices: processes on this machine, one for each device. :param nodes: machines, each with so many; above 1,
        torchrun or Slurm starts the processes.
    """

    steps: PositiveInt = 1000
    evaluate_every: PositiveInt = 100
    log_every: PositiveInt = 10
    select_by: Literal["validation", "last"] = "validation"
    early_stopping: EarlyStopping | None = None
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip: PositiveFloat | None = None
    micro_batch: PositiveInt | Literal["auto", "off"] = "auto"
    gradient_cosine_every: PositiveInt | None = 50
    checkpoint_every: Duration | Minutes = "10 minutes"
    keep_checkpoints: PositiveInt = 2
    on_nonfinite: Literal["stop", "skip"] = "stop"
    max_skipped: PositiveInt = 10
    timeout: Annotated[int, Field(gt=0, le=31_536_000)] = 600
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: PositiveInt = 1
    nodes: PositiveInt = 1
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"

    @field_validator("early_stopping")
    @classmethod
    def _early(cls, value: EarlyStopping | None, others: ValidationInfo) -> EarlyStopping | None:
        if value is not None and others.data.get("select_by") == "last":
            raise ValueError("needs the score that selects weights, which select_by: last has not")
        return value

    @field_validator("checkpoint_every", mode="before")
    @classmethod
    def _interval(cls, value: object) -> object:
        if isinstance(value, str) and not re.match(f"{LENGTH}|{TIME}", value):
            raise ValueError("should be a number of steps, or such as '100 steps', '8 epochs' or '10 minutes'")
        return value

    @field_validator("precision", mode="before")
    @classmethod
    def _precision(cls, value: object) -> object:
        return str(value) if type(value) is int else value
