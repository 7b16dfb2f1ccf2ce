"""Gradient cosines and the quality of pseudo-labels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssmtl import pseudo_label_quality
from ssmtl.training.gradients import cosines, gradients_of

NAMES = ("normal", "pneumonia")


def linear(*weights):
    return [torch.nn.Parameter(torch.tensor(weights))]


def test_the_cosine_of_two_gradients():
    shared = linear(1.0, 2.0)
    losses = {"a": (shared[0] * torch.tensor([3.0, 4.0])).sum(), "b": shared[0][0] * 2, "c": -shared[0][0]}
    found = cosines(gradients_of(losses, shared))
    assert list(found) == ["gradient_cosine.a.b", "gradient_cosine.a.c", "gradient_cosine.b.c"]
    assert [value.item() for value in found.values()] == pytest.approx([0.6, -0.6, -1.0])


def test_gradients_and_graph_are_left_alone():
    shared = linear(1.0, 2.0)
    losses = {"a": (shared[0] ** 2).sum(), "b": shared[0][0]}
    cosines(gradients_of(losses, shared))
    assert shared[0].grad is None
    (losses["a"] + losses["b"]).backward()
    assert shared[0].grad.tolist() == [3.0, 4.0]


def test_a_loss_that_does_not_reach_the_backbone_is_left_out():
    shared, own = linear(1.0), linear(1.0)
    losses = {"a": shared[0].sum(), "b": own[0].sum(), "c": torch.tensor(1.0)}
    assert cosines(gradients_of(losses, shared)) == {}
    assert cosines(gradients_of({"a": shared[0].sum()}, shared)) == {}


rows = st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(-1, 1)), min_size=1, max_size=12)


@given(rows)
def test_quality_agrees_with_counting(found):
    guessed, used, known = (torch.tensor(column) for column in zip(*found, strict=True))
    numbers = pseudo_label_quality(guessed, used, known, NAMES)
    taken = [(guess, truth) for guess, taken, truth in found if taken and truth >= 0]
    assert ("pseudo_label_accuracy" in numbers) == bool(taken)
    if taken:
        assert numbers["pseudo_label_accuracy"].item() == pytest.approx(np.mean([a == b for a, b in taken]))
    for index, name in enumerate(NAMES):
        claimed = [truth for guess, truth in taken if guess == index]
        true = [(guess, taken) for guess, taken, truth in found if truth == index]
        assert (f"pseudo_label_precision.{name}" in numbers) == bool(claimed)
        assert (f"pseudo_label_recall.{name}" in numbers) == bool(true)
        if claimed:
            precision = np.mean([truth == index for truth in claimed])
            assert numbers[f"pseudo_label_precision.{name}"].item() == pytest.approx(precision)
        if true:
            recall = np.mean([guess == index and taken for guess, taken in true])
            assert numbers[f"pseudo_label_recall.{name}"].item() == pytest.approx(recall)
