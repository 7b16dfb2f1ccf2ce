"""What a pixel may be: of each structure absent or present, or of exclusive ones the background or one of them."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Logits, Masks, Output

Outcomes = Float[Tensor, "rows *pixels outcomes"]
"""Probabilities, or their logarithms, that add up to 1 over the last axis: (rows, structures, height, width, 2), or
(rows, height, width, structures + 1) of exclusive structures, the background first."""


def log_outcomes(output: Output, logits: Logits) -> Outcomes:
    """Logarithms, from the head's logits."""
    if output.exclusive:
        return torch.cat([torch.zeros_like(logits[:, :1]), logits], 1).log_softmax(1).movedim(1, -1)
    return torch.stack([F.logsigmoid(-logits), F.logsigmoid(logits)], -1)


def outcomes(output: Output, probabilities: Masks) -> Outcomes:
    """From what `Output.probabilities` gives."""
    if output.exclusive:
        return torch.cat([1 - probabilities.sum(1, keepdim=True), probabilities], 1).clamp(0, 1).movedim(1, -1)
    return torch.stack([1 - probabilities, probabilities], -1)


def hard_masks(output: Output, probabilities: Masks) -> Masks:
    """1 where a structure is the most probable outcome, else 0."""
    if not output.exclusive:
        return (probabilities >= 0.5).float()
    best = outcomes(output, probabilities).argmax(-1)
    return F.one_hot(best, probabilities.shape[1] + 1).movedim(-1, 1)[:, 1:].float()


def confident(output: Output, probabilities: Masks, threshold: float) -> Bool[Tensor, "rows ..."]:
    """Whether the most probable outcome has at least this probability."""
    if output.exclusive:
        return outcomes(output, probabilities).amax(-1) >= threshold
    return (probabilities - 0.5).abs() >= threshold - 0.5
