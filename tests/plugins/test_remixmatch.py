"""ReMixMatch: its parts, and the whole against an independent straightforward version."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy_outcomes import CLASSES, LABELS, STRONG, STRONG_LABELED, WEAK, both, close, few, labels_of, normal, seeds
from torch.nn import functional as F

from ssmtl import Batch, Output, RandomStream, View
from ssmtl.testing.sample_outputs import SampleOutputs, facts
from ssmtl_mixmatch.alignment import aligned
from ssmtl_mixmatch.remixmatch import ANCHOR, RAW, ROTATED, ReMixMatch
from ssmtl_mixmatch.rotation import pooled, turned

ROWS = 4
ORDER = (STRONG_LABELED, WEAK, STRONG, View("unlabeled", "strong", 1))


def begun(output, **options):
    strategy = ReMixMatch(output, anchors=2, **options)
    strategy.begin(facts(output, {"labeled": 100, "unlabeled": 100}))
    return strategy


def marked(output, seed):
    """Each image has one white pixel of its own, so that a mixture shows its shares."""
    images = torch.eye(64)[: ROWS * len(ORDER)].reshape(len(ORDER), ROWS, 1, 8, 8)
    streams = {view: RandomStream.of(range(ROWS), seed, str(view)) for view in ORDER}
    labels = labels_of(output, ROWS, seed)
    return Batch(dict(zip(ORDER, images, strict=True)), {STRONG_LABELED: labels}, streams, {})


def powered(p, prior, mean):
    """Aligned and sharpened with temperature 1/2, of one distribution."""
    q = p * prior / mean
    q = (q / q.sum()) ** 2
    return q / q.sum()


@both
@few
@given(seed=seeds)
def test_prepare_is_algorithm_1(output, seed):
    strategy, random = begun(output), np.random.default_rng(seed)
    prior, mean = random.uniform(0.1, 0.9, (2, len(output.classes)))
    if output is CLASSES:
        prior, mean = prior / prior.sum(), mean / mean.sum()
    strategy.prior.copy_(torch.from_numpy(prior))
    strategy.recent.copy_(torch.from_numpy(np.tile(mean, (128, 1))))
    batch, logits = marked(output, seed), normal(ROWS, len(output.classes), seed=seed)
    prepared = strategy.prepare(batch, lambda images, **_: logits)
    probabilities = output.probabilities(logits).double().numpy()
    if output is CLASSES:
        guess = np.stack([powered(p, prior, mean) for p in probabilities])
        known = np.eye(3)[batch.targets[STRONG_LABELED]]
    else:
        guess = np.empty_like(probabilities)
        for place, p in np.ndenumerate(probabilities):
            one, other = prior[place[1]], mean[place[1]]
            guess[place] = powered(*(np.array([1 - value, value]) for value in (p, one, other)))[1]
        known = batch.targets[STRONG_LABELED].double().numpy()
    given_targets = np.concatenate([known, guess, guess, guess])
    for view in ORDER:
        shares = prepared.images[view].flatten(1)[:, : ROWS * len(ORDER)].double().numpy()
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
        assert (shares.max(1) >= 0.5).all(), "a row stays nearer to itself"
        np.testing.assert_allclose(prepared.targets[view], shares @ given_targets, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(prepared.targets[ANCHOR], guess, rtol=1e-3, atol=1e-5)
    assert torch.equal(prepared.images[ANCHOR], batch.images[STRONG]), "not mixed"
    for row, quarters in enumerate(prepared.targets[ROTATED].tolist()):
        expected = np.rot90(batch.images[STRONG][row, 0].numpy(), quarters)
        np.testing.assert_array_equal(prepared.images[ROTATED][row, 0], expected)


@both
@few
@given(seed=seeds, progress=st.sampled_from([0.0, 0.01, 0.125, 0.5]))
def test_the_loss_is_the_weighted_sum_of_four_cross_entropies(output, seed, progress):
    strategy = begun(output, mixed=1.5, anchor=0.4, rotation=0.3, ramp=0.25)
    prepared = strategy.prepare(marked(output, seed), lambda images, **_: normal(ROWS, len(output.classes), seed=seed))
    views = (*ORDER, ANCHOR, ROTATED)
    logits = {view: normal(ROWS, len(output.classes), seed=seed + number) for number, view in enumerate(views)}
    outputs = SampleOutputs(logits)
    loss = strategy.loss(prepared, outputs, progress)

    def distance(view):
        target, values = prepared.targets[view].double().numpy(), logits[view].double().numpy()
        if output is CLASSES:
            return -(target * (values - np.log(np.exp(values).sum(1, keepdims=True)))).sum(1).mean()
        p = 1 / (1 + np.exp(-values))
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()

    weight, bias = (part.detach().double().numpy() for part in (strategy.which_turn.weight, strategy.which_turn.bias))
    level = outputs.features(ROTATED)[-1].detach().double().numpy()
    assert level.shape[2:] == (1, 1), "nothing to pool"
    told = level[:, :, 0, 0] @ weight.T + bias
    likely = np.exp(told) / np.exp(told).sum(1, keepdims=True)
    rotation = -np.log(likely[np.arange(ROWS), prepared.targets[ROTATED].numpy()]).mean()
    unlabeled = np.mean([distance(view) for view in ORDER[1:]])
    grown = {0.0: 0, 0.01: 0.04, 0.125: 0.5, 0.5: 1}[progress]
    guessed = 1.5 * unlabeled + 0.4 * distance(ANCHOR)
    close(loss, distance(STRONG_LABELED) + grown * guessed + 0.3 * rotation)


@both
def test_guesses_do_not_count_in_the_first_step_and_fully_after_two_fifths_of_the_training(output):
    strategy = begun(output, rotation=0.0)
    prepared = strategy.prepare(marked(output, 0), lambda images, **_: normal(ROWS, len(output.classes)))
    outputs = SampleOutputs({view: normal(ROWS, len(output.classes), seed=view.repeat) for view in (*ORDER, ANCHOR)})
    first, half, full, last = (strategy.loss(prepared, outputs, progress).item() for progress in (0, 0.2, 0.4, 1))
    labeled = begun(output, rotation=0.0, mixed=0.0, anchor=0.0).loss(prepared, outputs, 1.0).item()
    assert first == pytest.approx(labeled)
    assert half == pytest.approx((first + full) / 2)
    assert full == last > first


@given(seed=seeds, kind=st.sampled_from(["multiclass", "multilabel"]))
def test_alignment_changes_nothing_where_the_means_agree_and_else_goes_towards_what_is_wanted(seed, kind):
    guess = normal(5, 3, seed=seed).softmax(1)
    one, other = (normal(3, seed=seed + number).softmax(0) for number in (1, 2))
    torch.testing.assert_close(aligned(guess, one, one, kind), guess, rtol=1e-4, atol=1e-6)
    if kind == "multiclass":
        most = (one / other).argmax()
        assert (aligned(guess, one, other, kind)[:, most] >= guess[:, most] - 1e-6).all()


@pytest.mark.parametrize(("options", "steps"), [({}, 128), ({"remembers": 5}, 5)])
def test_the_mean_guess_is_of_the_last_steps(options, steps):
    strategy = begun(LABELS, **options)
    for step in range(130):
        strategy.after_step(Batch({}, {RAW: torch.full((4, 2), float(step))}, {}), {}, 0.0)
    assert strategy.recent.mean(0).tolist() == pytest.approx([np.mean(range(130 - steps, 130))] * 2)


@pytest.mark.parametrize(("size", "expected"), [((4, 4), [1000] * 4), ((4, 6), [2000, 0, 2000])])
def test_turns_are_equally_likely_and_halves_if_images_are_not_square(size, expected):
    images = torch.rand(4000, 1, *size)
    found, quarters = turned(images, RandomStream.of(range(4000), 0, "x"))
    assert quarters.bincount().tolist() == pytest.approx(expected, abs=120)
    for row in range(10):
        np.testing.assert_array_equal(found[row, 0], np.rot90(images[row, 0].numpy(), quarters[row].item()))


def test_turns_can_be_told_apart_after_an_instance_normalisation():
    level = F.leaky_relu(F.instance_norm(normal(50, 8, 2, 2)), 0.2)
    spread, mean_alone = pooled((level,)).std(0).mean(), level.mean((2, 3)).std(0).mean()
    assert spread > 3 * mean_alone
    large = normal(3, 5, 4, 6)
    expected = large.numpy().reshape(3, 5, 2, 2, 3, 2).max((3, 5)).mean((2, 3))
    np.testing.assert_allclose(pooled((large,)), expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("remembers", "swings"), [(128, True), (8, False)])
def test_alignment_that_comes_late_lets_the_same_prediction_for_all_images_swing_from_class_to_class(remembers, swings):
    output = Output("multiclass", ("a", "b"))
    strategy = ReMixMatch(output, anchors=1, rotation=0.0, alpha=1e-6, ramp=1e-6, remembers=remembers)
    strategy.begin(facts(output, {"labeled": 4, "unlabeled": 4}))
    strategy.prior.fill_(0.5)
    strategy.recent.fill_(0.5)
    bias = torch.tensor([0.1, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([bias], lr=0.02)
    images = {view: torch.zeros(2, 1, 4, 4) for view in strategy.views}
    shares = []
    for step in range(350):
        streams = {view: RandomStream.of(range(2), step, str(view)) for view in images}
        batch = Batch(images, {STRONG_LABELED: torch.tensor([0, 1])}, streams, {})
        prepared = strategy.prepare(batch, lambda images, **_: bias.detach().expand(len(images), 2))
        optimizer.zero_grad()
        outputs = SampleOutputs({view: bias.expand(2, 2) for view in prepared.images})
        strategy.loss(prepared, outputs, 1.0).backward()
        optimizer.step()
        strategy.after_step(prepared, {}, 1.0)
        shares.append(bias.detach().softmax(0)[0].item())
    late = shares[200:]
    assert (max(late) > 0.7 and min(late) < 0.3) is swings, (min(late), max(late))
    assert swings or max(late) - min(late) < 0.3
