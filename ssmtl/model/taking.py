"""Weights of another model, taken where names and shapes fit."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

OF_SOURCE = re.compile(r"backbone\..*\bdomains\.([^.]+)\.[^.]+")
"""A tensor that one source has to itself (`norm: domain`)."""

SHOWN = 2
"""Tensors of another shape that are named."""


@dataclass(frozen=True)
class Taken:
    """:param tensors: what fits. :param lines: for people, what of each part of the model was taken and what not."""

    tensors: Mapping[str, Tensor]
    lines: tuple[str, ...]


def taken(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Taken:
    """What of `given` fits a model with the state `own`.

    A layer's tensors go together: a bias whose weight does not fit is not taken either.
    """
    fits = {name for name, tensor in own.items() if name in given and given[name].shape == tensor.shape}
    broken = {_layer(name) for name in own if name in given and name not in fits}
    chosen = {name: given[name] for name in own if name in fits and _layer(name) not in broken}
    lines = [f"{part}: {some}" for part, some in _by_part(own, chosen).items()]
    other = sorted(name for name in own if name in given and name not in fits)
    lines += [f"{name} is {_size(own[name])} here, {_size(given[name])} there" for name in other[:SHOWN]]
    if len(other) > SHOWN:
        lines.append(f"so are {len(other) - SHOWN} more of another shape")
    rest = sorted({_part(name) for name in given} - {_part(name) for name in own})
    if rest:
        lines.append(f"not in this recipe: {', '.join(rest)}")
    return Taken(chosen, tuple(lines))


def _by_part(own: Mapping[str, Tensor], chosen: Mapping[str, Tensor]) -> dict[str, str]:
    every, some = Counter(map(_part, own)), Counter(map(_part, chosen))
    return {
        part: "taken" if some[part] == number else f"{some[part]} of {number} tensors taken" if some[part] else "new"
        for part, number in every.items()
    }


def _part(name: str) -> str:
    """backbone, heads.TASK or bridges.TASK; what the backbone has for one source is a part of its own."""
    if match := OF_SOURCE.fullmatch(name):
        return f"backbone, norm of the source {match[1].removeprefix('task:')}"
    first, *rest = name.split(".")
    return first if first == "backbone" or not rest else f"{first}.{rest[0]}"


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _size(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"
