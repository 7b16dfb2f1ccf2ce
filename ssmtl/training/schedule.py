"""The optimiser and its learning rate over time."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from ssmtl.recipe.training import Optimizer, Schedule


def make_optimizer(parameters: Iterable[nn.Parameter], spec: Optimizer, *, fused: bool = True) -> torch.optim.Optimizer:
    """Adam, AdamW or SGD.

    :param fused: for Adam and AdamW: do a step in one call. It unscales gradients itself, so they cannot be clipped
        under 16-mixed precision.
    """
    weights = list(parameters)
    if spec.use == "sgd":
        nesterov = spec.nesterov and spec.momentum > 0
        return torch.optim.SGD(weights, spec.lr, spec.momentum, weight_decay=spec.weight_decay, nesterov=nesterov)
    make = torch.optim.Adam if spec.use == "adam" else torch.optim.AdamW
    return make(weights, spec.lr, spec.betas, weight_decay=spec.weight_decay, fused=fused)


def in_steps(duration: int | str, steps_per_epoch: int, least: int = 1) -> int:
    """'8 epochs', '100 steps' or 100 as optimiser steps; `least` if the words say fewer."""
    if isinstance(duration, int):
        return duration
    number, unit = duration.split()
    return max(least, round(float(number) * (steps_per_epoch if unit.startswith("epoch") else 1)))


def in_minutes(duration: int | str) -> float | None:
    """'10 minutes' as a number; None for steps and epochs."""
    number, _, unit = str(duration).strip().partition(" ")
    return float(number) if "minute" in unit else None


def rate_at(step: int, spec: Schedule, steps: int, steps_per_epoch: int) -> float:
    """The learning rate of step `step` (from 0) relative to the initial one."""
    warmup = in_steps(spec.warmup, steps_per_epoch, least=0)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if spec.use == "step":
        return float(spec.gamma ** ((step - warmup) // in_steps(spec.every, steps_per_epoch)))
    if spec.use == "cosine":
        done = (step - warmup) / max(1, steps - warmup)
        return spec.floor + (1 - spec.floor) * (1 + math.cos(math.pi * min(done, 1.0))) / 2
    return 1.0
