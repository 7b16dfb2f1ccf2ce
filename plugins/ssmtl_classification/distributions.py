"""Every kind of label as distributions over outcomes, so that one formula serves them all."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from ssmtl import Logits, Output

Distributions = Float[Tensor, "rows *variables outcomes"]
"""Probabilities, or their logarithms. Multi-class: one variable, whose outcomes are the classes. Multi-label: a
variable for each label, absent or present. Masks: one for each pixel of each structure; exclusive ones: one for each
pixel, whose outcomes are the background and the structures."""


def log_probabilities(output: Output, logits: Logits) -> Distributions:
    """From logits, as logarithms."""
    if output.kind == "multiclass":
        return logits.log_softmax(1)[:, None]
    if output.exclusive:
        return torch.cat([torch.zeros_like(logits[:, :1]), logits], 1).log_softmax(1).movedim(1, -1)
    return torch.stack([F.logsigmoid(-logits), F.logsigmoid(logits)], -1)


def probabilities(output: Output, logits: Logits) -> Distributions:
    """From logits."""
    return log_probabilities(output, logits).exp()


def shape_of(output: Output) -> tuple[int, int]:
    """Variables and outcomes of labels."""
    return (1, len(output.classes)) if output.kind == "multiclass" else (len(output.classes), 2)


def uniform(output: Output) -> Float[Tensor, "variables outcomes"]:
    """The same probability for each outcome."""
    variables, outcomes = shape_of(output)
    return torch.full((variables, outcomes), 1 / outcomes)


def hard(given: Distributions) -> Distributions:
    """1 for the most probable outcome, 0 for the others."""
    return torch.zeros_like(given).scatter(-1, given.argmax(-1, keepdim=True), 1.0)


def cross_entropy(target: Distributions, logs: Distributions) -> Float[Tensor, "rows ..."]:
    """H(target, predicted). :param logs: log-probabilities of the prediction."""
    return -(target * logs).sum(-1)


def normalized(given: Tensor) -> Tensor:
    """Divided by the sum over the outcomes."""
    return given / given.sum(-1, keepdim=True).clamp(min=1e-12)


def known_labels(
    output: Output, labels: Tensor
) -> tuple[Int[Tensor, "rows variables"], Bool[Tensor, "rows variables"]]:
    """Each label's outcome, and whether it is known. :param labels: as a labelled view has them."""
    if output.kind == "multiclass":
        return labels[:, None].clamp(min=0), labels[:, None] >= 0
    return labels.nan_to_num().long(), ~labels.isnan()
