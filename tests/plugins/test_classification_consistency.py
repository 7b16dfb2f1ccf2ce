"""Pseudo-label, the Π-model, Mean Teacher and virtual adversarial training, against their equations in NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy_outcomes import CLASSES, WEAK, both, close, each, few, logits_of, normal, outcomes, seeds

from ssmtl import Batch, Output, RandomStream, View
from ssmtl_classification.distributions import log_probabilities
from ssmtl_classification.mean_teacher import MeanTeacher
from ssmtl_classification.noise import gaussian
from ssmtl_classification.pi_model import PiModel
from ssmtl_classification.pseudo_label import PseudoLabel
from ssmtl_classification.vat import ADVERSARIAL, VirtualAdversarialTraining

AGAIN = View("unlabeled", "weak", 1)
LUNGS = Output("masks", ("left", "right"), exclusive=True)


def shown(rows=4, seed=0, size=4):
    """Unlabelled images, as rendered."""
    images = torch.rand(rows, 1, size, size, generator=torch.Generator().manual_seed(seed))
    views = (WEAK, AGAIN)
    streams = {view: RandomStream.of(range(rows), seed, str(view)) for view in views}
    return Batch(dict.fromkeys(views, images), {}, streams, {})


class Linear:
    """A predictor: logits are a fixed linear map of the pixels."""

    def __init__(self, classes, pixels=16, seed=0):
        self.weights = normal(pixels, classes, seed=seed, scale=1.0)
        self.asked = []

    def __call__(self, images, *, weights="student", training=False, differentiable=False):
        self.asked.append((weights, training, differentiable))
        with torch.set_grad_enabled(differentiable):
            return images.flatten(1) @ self.weights


@both
@few
@given(seed=seeds, threshold=st.floats(0, 0.95))
def test_pseudo_label_is_cross_entropy_against_its_own_most_probable_outcome(output, seed, threshold):
    logits = logits_of(output, seed=seed)
    losses = [-np.log(p.max()) if p.max() >= threshold else 0 for _, _, p in each(output, outcomes(output, logits))]
    close(PseudoLabel(output, threshold=threshold).loss(Batch({}, {}, {}), {WEAK: logits}, 0.0), np.mean(losses))


def test_pseudo_labels_of_exclusive_structures_are_of_the_background_too():
    logits = normal(2, 2, 3, 3)
    powers = np.exp(np.concatenate([np.zeros((2, 1, 3, 3)), logits.numpy().astype(float)], 1))
    expected = -np.log((powers / powers.sum(1, keepdims=True)).max(1)).mean()
    close(PseudoLabel(LUNGS).loss(Batch({}, {}, {}), {WEAK: logits}, 0.0), expected)


@both
@few
@given(seed=seeds)
def test_the_pi_model_is_the_squared_difference_and_0_at_agreement(output, seed):
    one, other = (logits_of(output, seed=seed + number).requires_grad_() for number in range(2))
    strategy = PiModel(output)
    loss = strategy.loss(Batch({}, {}, {}), {WEAK: one, AGAIN: other}, 0.0)
    difference = outcomes(output, one) - outcomes(output, other)
    present = difference[:, 0] if output is CLASSES else difference[:, :, 1]
    close(loss, (present**2).mean())
    loss.backward()
    assert one.grad.abs().sum() > 0
    assert other.grad.abs().sum() > 0, "both sides learn"
    assert strategy.loss(Batch({}, {}, {}), {WEAK: one, AGAIN: one}, 0.0).item() == 0


@both
@few
@given(seed=seeds)
def test_mean_teacher_is_the_squared_difference_to_the_average(output, seed):
    strategy = MeanTeacher(output, noise=0.0)
    predict, batch = Linear(len(output.classes), seed=seed), shown(seed=seed)
    prepared = strategy.prepare(batch, predict)
    assert predict.asked == [("ema", True, False)]
    teacher, student = predict(batch.images[AGAIN]), normal(4, len(output.classes), seed=seed + 1)
    loss = strategy.loss(prepared, {WEAK: student}, 0.0)
    difference = outcomes(output, student) - outcomes(output, teacher)
    close(loss, np.square(difference[:, 0] if output is CLASSES else difference[:, :, 1]).mean())
    assert strategy.loss(prepared, {WEAK: teacher}, 0.0).item() == pytest.approx(0, abs=1e-10)


def test_the_teacher_has_a_decay_of_its_own_or_the_recipes_and_sees_masks_where_the_network_does():
    assert MeanTeacher(CLASSES).teacher_decay == 0.999
    assert MeanTeacher(CLASSES, decay=None).teacher_decay is None
    assert MeanTeacher(CLASSES).views == {WEAK, AGAIN}
    assert MeanTeacher(LUNGS).views == {WEAK}


def test_the_teachers_noise_is_gaussian_and_its_images_stay_in_range():
    stream = RandomStream.of(range(50), 0, "x")
    numbers = gaussian(stream, "noise", torch.zeros(50, 1, 20, 20))
    assert numbers.mean().item() == pytest.approx(0, abs=0.02)
    assert numbers.std().item() == pytest.approx(1, abs=0.02)
    assert (numbers.abs() < 1).float().mean().item() == pytest.approx(0.683, abs=0.01)
    seen = []
    MeanTeacher(CLASSES, noise=0.5).prepare(shown(), lambda images, **_: seen.append(images) or normal(4, 3))
    assert 0 <= seen[0].min() < seen[0].max() <= 1
    assert not torch.equal(seen[0], shown().images[AGAIN])


@both
@few
@given(seed=seeds, entropy=st.sampled_from([0.0, 0.5]))
def test_vat_is_the_divergence_and_the_entropy(output, seed, entropy):
    strategy = VirtualAdversarialTraining(output, entropy=entropy)
    predict, batch = Linear(len(output.classes), seed=seed), shown(seed=seed)
    prepared = strategy.prepare(batch, predict)
    before, after, clean = predict(batch.images[WEAK]), *(normal(4, len(output.classes), seed=seed + n) for n in (1, 2))
    loss = strategy.loss(prepared, {ADVERSARIAL: after, WEAK: clean}, 0.0)
    p, q, r = (outcomes(output, logits) for logits in (before, after, clean))
    close(loss, (p * (np.log(p) - np.log(q))).sum(2).mean() - entropy * (r * np.log(r)).sum(2).mean())
    assert strategy.loss(prepared, {ADVERSARIAL: before, WEAK: normal(4, 1) * 0 + 50 * before}, 0.0).item() < 0.1


@both
def test_the_perturbation_goes_where_the_prediction_changes_most(output):
    """A linear predictor's most sensitive direction is the first singular vector of its weights under the metric p."""
    strategy = VirtualAdversarialTraining(output, epsilon=0.01, iterations=20, xi=0.01)
    predict, batch = Linear(len(output.classes)), shown()
    batch = Batch({view: 0.25 + images / 2 for view, images in batch.images.items()}, {}, batch.streams)
    images = batch.images[WEAK]
    moved = (strategy.prepare(batch, predict).images[ADVERSARIAL] - images).flatten(1)
    torch.testing.assert_close(moved.norm(dim=1), torch.full((4,), 0.01), rtol=1e-3, atol=0)
    for row, direction in enumerate(moved.double() / moved.norm(dim=1, keepdim=True)):
        p = outcomes(output, predict(images))[row]
        fisher = np.diag(p[0]) - np.outer(p[0], p[0]) if output is CLASSES else np.diag(p[:, 0] * p[:, 1])
        weights = predict.weights.double().numpy()
        values, vectors = np.linalg.eigh(weights @ fisher @ weights.T)
        assert abs(vectors[:, -1] @ direction.numpy()) == pytest.approx(1, abs=0.02), values[-2:]


def test_the_vat_target_gets_no_gradient_and_the_images_stay_in_range():
    prepared = VirtualAdversarialTraining(CLASSES, epsilon=5.0).prepare(shown(), Linear(3))
    assert not prepared.targets[ADVERSARIAL].requires_grad
    assert not prepared.images[ADVERSARIAL].requires_grad
    assert 0 <= prepared.images[ADVERSARIAL].min() < prepared.images[ADVERSARIAL].max() <= 1


@pytest.mark.parametrize("output", [Output("masks", ("a", "b")), LUNGS], ids=["structures", "exclusive"])
def test_probabilities_of_masks_agree_with_those_of_the_output(output):
    logits = normal(2, 2, 3, 3)
    found = log_probabilities(output, logits).exp()
    expected = output.probabilities(logits)
    torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:-1]))
    present = found[..., 1:].movedim(-1, 1) if output.exclusive else found[..., 1]
    torch.testing.assert_close(present, expected)
