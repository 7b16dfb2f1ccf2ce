"""Strategies that change the targets or the labelled loss, against their equations in NumPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy_outcomes import (
    CLASSES,
    LABELED,
    STRONG,
    STRONG_LABELED,
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

from ssmtl import Batch
from ssmtl_classification.adamatch import AdaMatch
from ssmtl_classification.defixmatch import DeFixMatch
from ssmtl_classification.tsa_cross_entropy import AnnealedCrossEntropy
from ssmtl_classification.uda import UnsupervisedDataAugmentation


@both
@few
@given(seed=seeds, threshold=st.floats(0.4, 0.95), temperature=st.floats(0.2, 1))
def test_uda_learns_the_sharpened_prediction_where_it_was_confident(output, seed, threshold, temperature):
    strategy = UnsupervisedDataAugmentation(output, threshold=threshold, temperature=temperature)
    weak, strong = logits_of(output, seed=seed), logits_of(output, seed=seed + 1)

    def choose(guess, _):
        powers = guess ** (1 / temperature)
        return guess.max() >= threshold, powers / powers.sum()

    close(strategy.loss(guessed(output, weak), {STRONG: strong}, 0.0), learnt(output, weak, strong, choose))


@both
@few
@given(seed=seeds, progress=st.floats(0, 1), schedule=st.sampled_from(["linear", "log", "exp"]))
def test_training_signal_annealing_leaves_out_what_is_already_right(output, seed, progress, schedule):
    strategy = AnnealedCrossEntropy(output, schedule=schedule)
    logits, labels = logits_of(output, seed=seed), labels_of(output, seed=seed, unknown=True)
    loss = strategy.loss(Batch({}, {LABELED: labels}, {}, {}), {LABELED: logits}, progress)
    alpha = {"linear": progress, "log": 1 - math.exp(-5 * progress), "exp": math.exp(5 * progress - 5)}[schedule]
    probabilities = outcomes(output, logits)
    classes = probabilities.shape[2]
    target = labels[:, None] if output is CLASSES else labels
    known = [(row, variable, p) for row, variable, p in each(output, probabilities) if target[row, variable] >= 0]
    likely = np.array([p[int(target[row, variable])] for row, variable, p in known])
    wrong = likely[likely < alpha * (1 - 1 / classes) + 1 / classes]
    close(loss, -np.log(wrong).mean() if len(wrong) else 0)


@pytest.mark.parametrize("schedule", ["linear", "log", "exp"])
def test_the_annealed_threshold_grows_to_1(schedule):
    strategy = AnnealedCrossEntropy(CLASSES, schedule=schedule)
    thresholds = [strategy.threshold(step / 10) for step in range(11)]
    assert thresholds == sorted(thresholds)
    assert 1 / 3 <= thresholds[0] < 0.35
    assert thresholds[-1] > 0.99


@both
@few
@given(seed=seeds, progress=st.floats(0, 1, exclude_max=True))
def test_adamatch_adds_both_labelled_losses_and_the_aligned_one(output, seed, progress):
    random = np.random.default_rng(seed)
    strategy = AdaMatch(output)
    source, mean = distributions(random, output), distributions(random, output)
    reference = random.uniform(0.5, 1, len(mean))
    for buffer, values in ((strategy.source, source), (strategy.target_mean, mean), (strategy.reference, reference)):
        fill(buffer, values)
    weak, *shown = (logits_of(output, seed=seed + number) for number in range(4))
    labels = labels_of(output, seed=seed)
    views = (STRONG, LABELED, STRONG_LABELED)
    batch = guessed(output, weak, others={LABELED: labels, STRONG_LABELED: labels})
    loss = strategy.loss(batch, dict(zip(views, shown, strict=True)), progress)

    def choose(guess, variable):
        target = scaled(guess, source[variable] / mean[variable])
        return target.max() >= 0.9 * reference[variable], target

    target = labels[:, None] if output is CLASSES else labels
    supervised = [
        -np.mean([np.log(p[int(target[row, variable])]) for row, variable, p in each(output, outcomes(output, one))])
        for one in shown[1:]
    ]
    warm = 0.5 - math.cos(min(math.pi, 2 * math.pi * progress)) / 2
    close(loss, sum(supervised) + warm * learnt(output, weak, shown[0], choose))


@both
def test_adamatch_remembers_what_it_predicts_for_labelled_and_unlabelled_images(output):
    strategy, weak, labeled = AdaMatch(output, decay=0.5), logits_of(output), logits_of(output, seed=1)
    strategy.after_step(guessed(output, weak), {LABELED: labeled}, 0.0)
    known, guess = outcomes(output, labeled), outcomes(output, weak)
    np.testing.assert_allclose(strategy.reference, known.max(2).mean(0), rtol=1e-5)
    np.testing.assert_allclose(strategy.source, (1 / known.shape[2] + known.mean(0)) / 2, rtol=1e-5)
    np.testing.assert_allclose(strategy.target_mean, (1 / known.shape[2] + guess.mean(0)) / 2, rtol=1e-5)


@both
@few
@given(seed=seeds, threshold=st.floats(0.4, 0.95))
def test_defixmatch_is_fixmatch_on_unlabelled_minus_fixmatch_on_labelled_images(output, seed, threshold):
    strategy = DeFixMatch(output, threshold=threshold)
    weak, strong, weak_known, strong_known = (logits_of(output, seed=seed + number) for number in range(4))
    targets = {**guessed(output, weak).targets, **guessed(output, weak_known, STRONG_LABELED).targets}
    batch = Batch({}, targets, {}, {})
    loss = strategy.loss(batch, {STRONG: strong, STRONG_LABELED: strong_known}, 0.0)

    def choose(guess, _):
        return guess.max() >= threshold, one_hot(guess)

    close(loss, learnt(output, weak, strong, choose) - learnt(output, weak_known, strong_known, choose))


def test_defixmatch_is_zero_where_labelled_and_unlabelled_images_are_the_same():
    strategy, weak, strong = DeFixMatch(CLASSES, threshold=0.5), logits_of(CLASSES), logits_of(CLASSES, seed=1)
    targets = {**guessed(CLASSES, weak).targets, **guessed(CLASSES, weak, STRONG_LABELED).targets}
    batch = Batch({}, targets, {}, {})
    assert strategy.loss(batch, {STRONG: strong, STRONG_LABELED: strong}, 0.0).item() == 0
