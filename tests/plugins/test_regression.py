"""Mean Teacher for numbers: its loss in NumPy, and what reaches the teacher."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssmtl import Batch, Output, View
from ssmtl.testing.sample_outputs import facts
from ssmtl_regression.number_consistency import NumberConsistency

TWO = Output("numbers", ("age", "score"))
WEAK, STRONG = View("unlabeled", "weak"), View("unlabeled", "strong")


def begun(std=(10.0, 0.5)):
    strategy = NumberConsistency(TWO)
    told = facts(TWO, {"labeled": 9, "unlabeled": 9})
    strategy.begin(replace(told, numbers=(torch.tensor([50.0, 1.0]), torch.tensor(std))))
    return strategy


@given(seed=st.integers(0, 2**31), unit=st.sampled_from([1.0, 1000.0]))
def test_it_is_the_mean_squared_difference_in_standard_deviations_whatever_the_unit(seed, unit):
    random = np.random.default_rng(seed)
    student, teacher = random.normal(50, 20, (2, 5, 2)) * [unit, 1]
    expected = np.mean(((student - teacher) / [10.0 * unit, 0.5]) ** 2)
    batch = Batch({STRONG: torch.zeros(5, 1, 4, 4)}, {STRONG: torch.tensor(teacher, dtype=torch.float32)}, {}, {})
    said = torch.tensor(student, dtype=torch.float32, requires_grad=True)
    loss = begun((10.0 * unit, 0.5)).loss(batch, {STRONG: said}, 0.0)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    (gradient,) = torch.autograd.grad(loss, said)
    np.testing.assert_allclose(
        gradient.numpy(), 2 * (student - teacher) / np.array([10.0 * unit, 0.5]) ** 2 / 10, rtol=1e-3, atol=1e-6
    )


def test_the_average_sees_the_weak_view_with_dropout_and_only_the_strong_one_gets_a_gradient():
    asked = []

    def predict(images, *, weights="student", training=False, differentiable=False):
        asked.append((weights, training, differentiable))
        return images.mean((2, 3)).repeat(1, 2)

    weak, strong = torch.full((3, 1, 4, 4), 2.0), torch.zeros(3, 1, 4, 4)
    strategy = begun()
    made = strategy.prepare(Batch({WEAK: weak, STRONG: strong}, {}, {}, {}), predict)
    assert asked == [("ema", True, False)]
    assert set(made.images) == {STRONG}
    assert (made.targets[STRONG] == 2).all()
    assert strategy.teacher_decay == 0.999
    assert strategy.loss(made, {STRONG: made.targets[STRONG].clone()}, 0.0) == 0
