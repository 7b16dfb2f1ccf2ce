"""FixMatch against equation (1) of MultiMix, written out in NumPy, and its properties."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssmtl import Batch, Output, RandomStream, View
from ssmtl_multimix.fixmatch import FixMatch

THREE, MANY = Output("multiclass", ("a", "b", "c")), Output("multilabel", ("a", "b", "c"))
WEAK, STRONG = View("unlabeled", "weak"), View("unlabeled", "strong")
seeds, thresholds = st.integers(0, 2**31), st.floats(0, 1)


def batch_of(rows):
    images = {view: torch.full((rows, 1, 4, 4), number / 2) for number, view in enumerate((WEAK, STRONG))}
    return Batch(images, {}, {view: RandomStream.of(range(rows), 0, str(view)) for view in images})


class Teacher:
    """Gives the weak logits, and records its calls."""

    def __init__(self, logits):
        self.logits, self.asked, self.images = logits, [], None

    def __call__(self, images, *, weights="student", training=False):
        self.asked.append((weights, training))
        self.images = images
        return self.logits


def logits_of(seed, rows=7, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(rows, 3, generator=generator) for _ in range(2)]


def loss_of(strategy, weak, strong, progress=0.0):
    prepared = strategy.prepare(batch_of(len(weak)), Teacher(weak))
    return strategy.loss(prepared, {STRONG: strong}, progress)


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def equation_1(weak, strong, threshold):
    """The unlabelled part, row by row, in float64."""
    total = 0.0
    for pseudo, prediction in zip(softmax(weak.double().numpy()), softmax(strong.double().numpy()), strict=True):
        if pseudo.max() >= threshold:
            total -= np.log(prediction[pseudo.argmax()])
    return total / len(weak)


@given(seed=seeds, threshold=thresholds, rows=st.integers(1, 12))
def test_it_is_equation_1_a_mean_over_all_rows(seed, threshold, rows):
    weak, strong = logits_of(seed, rows)
    found = loss_of(FixMatch(THREE, threshold=threshold), weak, strong)
    assert found.item() == pytest.approx(equation_1(weak, strong, threshold), rel=1e-5, abs=1e-6)


def test_the_mean_is_not_over_the_confident_rows_alone():
    weak = torch.tensor([[9.0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    strong = torch.zeros(4, 3)
    assert loss_of(FixMatch(THREE), weak, strong).item() == pytest.approx(np.log(3) / 4)


@given(seed=seeds, low=thresholds, high=thresholds, output=st.sampled_from([THREE, MANY]))
def test_raising_the_threshold_never_adds_rows(seed, low, high, output):
    low, high = sorted((low, high))
    weak, strong = logits_of(seed)
    gradients, losses = [], []
    for threshold in (low, high):
        leaf = strong.clone().requires_grad_()
        loss = loss_of(FixMatch(output, threshold=threshold), weak, leaf)
        loss.backward()
        gradients.append(leaf.grad != 0)
        losses.append(loss.item())
    assert not (gradients[1] & ~gradients[0]).any()
    assert losses[1] <= losses[0] + 1e-6


def test_a_threshold_of_0_keeps_every_row_and_of_1_only_the_certain():
    weak, strong = logits_of(0)
    everything = torch.nn.functional.cross_entropy(strong, weak.argmax(1))
    torch.testing.assert_close(loss_of(FixMatch(THREE, threshold=0), weak, strong), everything)
    assert loss_of(FixMatch(THREE, threshold=1), weak, strong) == 0
    certain = weak.clone()
    certain[2] = torch.tensor([200.0, 0, 0])
    one = torch.nn.functional.cross_entropy(strong[2:3], torch.tensor([0])) / len(weak)
    torch.testing.assert_close(loss_of(FixMatch(THREE, threshold=1), certain, strong), one)


def test_no_confident_row_is_a_loss_of_zero_with_a_gradient_of_zero():
    _, strong = logits_of(0)
    strong.requires_grad_()
    loss = loss_of(FixMatch(THREE), torch.zeros(7, 3), strong)
    loss.backward()
    assert loss == 0
    assert torch.equal(strong.grad, torch.zeros(7, 3))


def test_a_confidence_equal_to_the_threshold_counts():
    weak = torch.tensor([[0.0, 0.0, -200.0]])
    assert loss_of(FixMatch(THREE, threshold=0.5), weak, torch.zeros(1, 3)).item() == pytest.approx(np.log(3))


@pytest.mark.parametrize("output", [THREE, MANY])
def test_no_gradient_reaches_the_pseudo_labels_and_the_weak_rows_are_not_encoded(output):
    weak, strong = logits_of(0)
    weak.requires_grad_()
    strong.requires_grad_()
    strategy = FixMatch(output, threshold=0.5)
    with torch.no_grad():  # as the engine calls it
        prepared = strategy.prepare(batch_of(7), Teacher(weak * 1.0))
    assert set(prepared.images) == {STRONG}
    assert not prepared.targets[STRONG].requires_grad
    strategy.loss(prepared, {STRONG: strong}, 0.0).backward()
    assert weak.grad is None
    assert strong.grad.abs().sum() > 0


@pytest.mark.parametrize("teacher", ["student", "ema"])
@pytest.mark.parametrize("frozen", [False, True])
def test_it_asks_the_teacher_as_told(teacher, frozen):
    weak, _ = logits_of(0)
    predict = Teacher(weak)
    FixMatch(THREE, teacher=teacher, frozen=frozen).prepare(batch_of(7), predict)
    assert predict.asked == [(teacher, not frozen)]
    assert (predict.images == 0).all(), "pseudo-labels are of the weak view"


def test_as_published_the_student_teaches_with_dropout_on_at_0_7():
    strategy = FixMatch(THREE)
    assert (strategy.teacher, strategy.frozen, strategy.threshold) == ("student", False, 0.7)
    assert strategy.views == {WEAK, STRONG}


def test_the_names_of_the_views_are_options():
    strategy = FixMatch(THREE, weak="a", strong="b")
    assert strategy.views == {View("unlabeled", "a"), View("unlabeled", "b")}


@given(seed=seeds, threshold=st.floats(0.5, 1))
def test_multi_label_is_two_sided(seed, threshold):
    weak, strong = logits_of(seed)
    p, q = (1 / (1 + np.exp(-logits.double().numpy())) for logits in (weak, strong))
    positive, negative = p >= threshold, p <= 1 - threshold
    near = np.isclose(np.abs(p - 0.5), threshold - 0.5, atol=1e-6).any()
    expected = -(positive * np.log(q) + (negative & ~positive) * np.log(1 - q)).mean()
    found = loss_of(FixMatch(MANY, threshold=threshold), weak, strong).item()
    assert near or found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_multi_label_between_the_thresholds_is_left_out():
    weak = torch.logit(torch.tensor([[0.9, 0.5, 0.1]]))
    strong = torch.zeros(1, 3, requires_grad=True)
    loss = loss_of(FixMatch(MANY, threshold=0.8), weak, strong)
    loss.backward()
    assert loss.item() == pytest.approx(2 * np.log(2) / 3)
    torch.testing.assert_close(strong.grad.sign(), torch.tensor([[-1.0, 0.0, 1.0]]))


def test_diagnostics():
    weak = torch.tensor([[9.0, 0, 0], [0, 9, 0], [0, 0, 9], [1, 0, 0]])
    strategy = FixMatch(THREE)
    prepared = strategy.prepare(batch_of(4), Teacher(weak))
    found = strategy.diagnose(prepared, {}, {STRONG: torch.tensor([0, 1, 1, 2])})
    assert found["mask_rate"].item() == pytest.approx(3 / 4)
    assert found["pseudo_label_accuracy"].item() == pytest.approx(2 / 3)
    unknown = strategy.diagnose(prepared, {}, {STRONG: torch.tensor([0, -1, -1, 2])})
    assert unknown["pseudo_label_accuracy"] == 1
    assert set(strategy.diagnose(prepared, {}, {})) == {"mask_rate"}
    assert set(strategy.diagnose(prepared, {}, {STRONG: torch.full((4,), -1)})) == {"mask_rate"}


def test_it_learns_from_classes_not_from_masks():
    assert FixMatch.accepts == {"multiclass", "multilabel"}
