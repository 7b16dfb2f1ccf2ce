"""Weights of classes in a loss: as given, or from how often each class occurs."""

import torch
from jaxtyping import Float
from torch import Tensor

from ssmtl.contracts.head import Output
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.errors import DataError


def check_count(weights: tuple[float, ...], output: Output) -> None:
    """:raises ValueError: if there is not one weight for each class."""
    if len(weights) != len(output.classes):
        raise ValueError(
            f"class_weights has {len(weights)} values for {len(output.classes)} classes ({', '.join(output.classes)})"
        )


def balanced(facts: TaskFacts) -> Float[Tensor, " classes"]:
    """Multi-class: n / (C n_c) for the n_c of n labelled images that have the class c, whose mean over images is 1.

    Multi-label: how many images without the label there are for each with it, among those of which it is known.

    :raises DataError: naming the class, if one occurs in no labelled image, or a label in all.
    """
    assert facts.class_counts is not None
    assert facts.known_counts is not None
    counts, known, names = facts.class_counts.double(), facts.known_counts.double(), facts.output.classes
    for name, count, of in zip(names, counts.tolist(), known.tolist(), strict=True):
        if not count or (facts.output.kind == "multilabel" and count == of):
            which = "none" if not count else "all"
            raise DataError(
                f"task '{facts.task}': class_weights: balanced: {which} of the labelled images of which it is known "
                f"have the class '{name}'; give a list of weights, or another label budget"
            )
    if facts.output.kind == "multilabel":
        return ((known - counts) / counts).float()
    return (counts.sum() / (len(names) * counts)).to(torch.float32)
