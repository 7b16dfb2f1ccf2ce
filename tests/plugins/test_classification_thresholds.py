"""Strategies whose thresholds follow the training, against their equations in NumPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy_outcomes import (
    CLASSES,
    LABELED,
    STRONG,
    begun,
    both,
    close,
    distributions,
    each,
    few,
    fill,
    guessed,
    labels_of,
    learnt,
    logits_of,
    one_hot,
    outcomes,
    scaled,
    seeds,
)

from ssmtl_classification.dash import Dash
from ssmtl_classification.freematch import FreeMatch
from ssmtl_classification.softmatch import SoftMatch


@both
@few
@given(seed=seeds, done=st.floats(0, 0.99))
def test_dash_counts_what_has_a_loss_below_its_threshold(output, seed, done):
    assume(abs((done - 0.1) / 0.05 - round((done - 0.1) / 0.05)) > 1e-4)  # single precision may be a step early or late
    strategy = begun(Dash(output, warm_up=0.1, every=0.05), output)
    strategy.done.fill_(done)
    strategy.reference.fill_(0.8)
    weak, strong = logits_of(output, seed=seed), logits_of(output, seed=seed + 1)
    rho = max(1.0001 * 1.27 ** -(math.floor((done - 0.1) / 0.05)) * 0.8, 0.05)

    def choose(guess, _):
        soft = guess**2 / (guess**2).sum()
        return done >= 0.1 and -math.log(guess.max()) <= rho, soft if rho > 0.05 else one_hot(guess)

    batch = guessed(output, weak)
    close(strategy.loss(batch, {STRONG: strong, LABELED: strong}, 0.0), learnt(output, weak, strong, choose))


@both
def test_dash_remembers_the_labelled_loss_of_its_warm_up(output):
    strategy = begun(Dash(output, warm_up=0.015), output)
    labels, means = labels_of(output), []
    before = strategy.threshold().item()
    for step in range(4):
        labeled = logits_of(output, seed=step)
        strategy.after_step(guessed(output, labeled, others={LABELED: labels}), {LABELED: labeled}, 0.0)
        probabilities = outcomes(output, labeled)
        target = labels[:, None] if output is CLASSES else labels
        likely = [p[int(target[row, variable])] for row, variable, p in each(output, probabilities)]
        means.append(-np.log(likely).mean())
    assert before == pytest.approx(1.0001 * math.log(probabilities.shape[2]))
    assert strategy.reference.item() == pytest.approx(0.9 * means[0] + 0.1 * means[1], rel=1e-4), "two of four steps"
    assert strategy.done.item() == pytest.approx(0.04)


@given(done=st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_dash_thresholds_decrease_to_the_least(done):
    strategy = begun(Dash(CLASSES), CLASSES)
    thresholds = []
    for time in sorted(done):
        strategy.done.fill_(time)
        thresholds.append(strategy.threshold().item())
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[-1] >= np.float32(0.05)


@both
@few
@given(seed=seeds)
def test_freematch_adapts_its_thresholds_and_is_fair(output, seed):
    random = np.random.default_rng(seed)
    strategy = FreeMatch(output, fairness=0.3)
    mean, histogram = distributions(random, output), distributions(random, output)
    tau = random.uniform(0.3, 0.9, len(mean))
    for buffer, values in ((strategy.mean, mean), (strategy.histogram, histogram), (strategy.confidence, tau)):
        fill(buffer, values)
    weak, strong = logits_of(output, seed=seed), logits_of(output, seed=seed + 1)
    loss = strategy.loss(guessed(output, weak), {STRONG: strong}, 0.0)

    def counts(guess, variable):
        return guess.max() >= mean[variable][guess.argmax()] / mean[variable].max() * tau[variable]

    unfair, predicted = [], outcomes(output, strong)
    for variable in range(len(mean)):
        rows = [
            predicted[row, one]
            for row, one, guess in each(output, outcomes(output, weak))
            if one == variable and counts(guess, variable)
        ]
        if not rows:
            unfair.append(0)
            continue
        often = np.bincount([row.argmax() for row in rows], minlength=mean.shape[1])
        ratio = np.array([total / times if times else 0 for total, times in zip(sum(rows), often, strict=True)])
        wanted = mean[variable] / histogram[variable]
        unfair.append((wanted / wanted.sum() * np.log(ratio / ratio.sum() + 1e-12)).sum())
    expected = learnt(output, weak, strong, lambda guess, variable: (counts(guess, variable), one_hot(guess)))
    close(loss, expected + 0.3 * np.mean(unfair))


@both
def test_freematch_remembers_confidence_mean_and_histogram(output):
    strategy, weak = FreeMatch(output, decay=0.75), logits_of(output)
    strategy.after_step(guessed(output, weak), {}, 0.0)
    guess = outcomes(output, weak)
    even = 1 / guess.shape[2]
    for buffer, new in (
        (strategy.confidence, guess.max(2).mean(0)),
        (strategy.mean, guess.mean(0)),
        (strategy.histogram, (guess == guess.max(2, keepdims=True)).mean(0)),
    ):
        np.testing.assert_allclose(buffer, 0.75 * even + 0.25 * new, rtol=1e-5)
    assert (strategy.thresholds().amax(1) == strategy.confidence).all(), "the class learnt best has the largest"


@both
@few
@given(seed=seeds, align=st.booleans(), narrow=st.sampled_from([1.0, 2.0]))
def test_softmatch_weighs_by_a_truncated_gaussian(output, seed, align, narrow):
    random = np.random.default_rng(seed)
    strategy = SoftMatch(output, align=align, narrow=narrow)
    mean = distributions(random, output)
    center, variance = random.uniform(0.4, 0.9, len(mean)), random.uniform(0.01, 0.2, len(mean))
    for buffer, values in ((strategy.mean, mean), (strategy.center, center), (strategy.variance, variance)):
        fill(buffer, values)
    weak, strong = logits_of(output, seed=seed), logits_of(output, seed=seed + 1)

    def choose(guess, variable):
        confident = (scaled(guess, 1 / mean[variable]) if align else guess).max()
        sigma = math.sqrt(variance[variable]) / narrow
        weight = 1 if confident >= center[variable] else math.exp(-((confident - center[variable]) ** 2) / 2 / sigma**2)
        return weight, one_hot(guess)

    close(strategy.loss(guessed(output, weak), {STRONG: strong}, 0.0), learnt(output, weak, strong, choose))


@both
def test_softmatch_remembers_the_mean_and_the_variance_of_the_confidence(output):
    strategy, weak = SoftMatch(output, decay=0.5), logits_of(output)
    strategy.after_step(guessed(output, weak), {}, 0.0)
    guess = outcomes(output, weak)
    even = 1 / guess.shape[2]
    mean = (even + guess.mean(0)) / 2
    confidence = np.array([[scaled(p, 1 / mean[label]).max() for label, p in enumerate(row)] for row in guess])
    np.testing.assert_allclose(strategy.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(strategy.center, (even + confidence.mean(0)) / 2, rtol=1e-5)
    np.testing.assert_allclose(strategy.variance, (1 + confidence.var(0, ddof=1)) / 2, rtol=1e-5)


@given(seed=seeds)
def test_softmatch_weights_grow_with_confidence(seed):
    strategy = SoftMatch(CLASSES, align=False)
    fill(strategy.center, np.random.default_rng(seed).uniform(0.5, 1, 1))
    guess = guessed(CLASSES, logits_of(CLASSES, 20, seed)).targets[STRONG]
    order = guess.amax(-1)[:, 0].argsort()
    weights = strategy.weights(guess)[order, 0]
    assert weights.diff().ge(0).all()
    assert weights.gt(0).all()
    assert weights.le(1).all()


@pytest.mark.parametrize("make", [FreeMatch, SoftMatch], ids=lambda make: make.__name__)
@few
@given(seed=seeds)
def test_the_order_of_the_rows_does_not_matter(make, seed):
    strategy, weak, strong = make(CLASSES), logits_of(CLASSES, seed=seed), logits_of(CLASSES, seed=seed + 1)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    one = strategy.loss(guessed(CLASSES, weak), {STRONG: strong}, 0.0)
    other = strategy.loss(guessed(CLASSES, weak[order]), {STRONG: strong[order]}, 0.0)
    torch.testing.assert_close(one, other)
