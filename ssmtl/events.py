"""Frozen records passed to observers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunStarted:
    """:param steps: optimiser steps planned. :param plan: what `ssmtl check` prints, as data.

    :param recipe: the resolved one, as data, without its trackers.
    :param done: steps done before; more than 0 where a run is resumed.
    """

    name: str
    folder: Path
    steps: int
    plan: Mapping[str, Any]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    done: int = 0


@dataclass(frozen=True)
class StepEnded:
    """:param step: 1-based. :param losses: unweighted, by 'task.strategy'. :param seconds: since training began."""

    step: int
    total: float
    losses: Mapping[str, float]
    diagnostics: Mapping[str, float]
    learning_rate: float
    rows_per_second: float
    seconds: float


@dataclass(frozen=True)
class Evaluated:
    """:param part: 'validation', or a domain such as 'in_domain'. :param values: by 'task.metric'."""

    step: int
    part: str
    values: Mapping[str, float]
    score: float | None = None
    best: bool = False


@dataclass(frozen=True)
class CheckpointSaved:
    """:param which: 'best' or 'last' weights, or 'state': a checkpoint that a run can resume from."""

    step: int
    which: str
    path: Path


@dataclass(frozen=True)
class RunEnded:
    """:param results: the content of results.json."""

    folder: Path
    results: Mapping[str, Any]
    seconds: float
