"""SimMatch and CoMatch, which remember embeddings, against their equations in NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy_outcomes import CLASSES, LABELED, STRONG, WEAK, begun, close, few, fill, labels_of, logits_of, normal, seeds

from ssmtl import Batch, View
from ssmtl.testing.sample_outputs import SampleOutputs
from ssmtl_classification import comatch, simmatch
from ssmtl_classification.comatch import CoMatch
from ssmtl_classification.simmatch import SimMatch

AGAIN = View("unlabeled", "strong", 1)


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def units(random, *shape):
    values = random.normal(size=shape)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


class SeenViews(SampleOutputs):
    """With features that differ from view to view."""

    def features(self, view, *, bridged=True):
        if (view, bridged) not in self._features:
            for level in super().features(view, bridged=bridged):
                level.data += normal(*level.shape, seed=sorted(self).index(view))
        return self._features[view, bridged]


def seen(views, seed):
    return SeenViews({view: 2 * logits_of(CLASSES, 4, seed + place) for place, view in enumerate(views)})


def embedded(strategy, outputs, view):
    with torch.no_grad():
        return strategy.embed(outputs.features(view)).double().numpy()


@few
@given(seed=seeds, threshold=st.floats(0.3, 0.9))
def test_simmatch_unfolds_and_aggregates(seed, threshold):
    random = np.random.default_rng(seed)
    strategy = begun(SimMatch(CLASSES, threshold=threshold, smoothing=0.7, instances=0.5, width=4), CLASSES)
    bank, labels, mean = units(random, 10, 4), random.integers(-1, 3, 10), random.dirichlet(np.full(3, 3.0))
    for buffer, values in ((strategy.bank, bank), (strategy.labels, labels), (strategy.mean, mean[None])):
        fill(buffer, values)
    outputs = seen((LABELED, WEAK, STRONG), seed)
    loss = strategy.loss(Batch({}, {}, {}), outputs, 0.0)
    known = [place for place in range(10) if labels[place] >= 0]
    total = 0.0
    for row in range(4):
        p = softmax(outputs[WEAK][row].double().numpy()) / mean
        p /= p.sum()
        q, strong = (
            softmax(np.array([embedded(strategy, outputs, view)[row] @ bank[place] for place in known]) / 0.1)
            for view in (WEAK, STRONG)
        )
        unfolded = np.array([alike * p[labels[place]] for alike, place in zip(q, known, strict=True)])
        unfolded /= unfolded.sum()
        target = 0.7 * p
        for alike, place in zip(q, known, strict=True):
            target[labels[place]] += 0.3 * alike
        predicted = softmax(outputs[STRONG][row].double().numpy())
        total += (target.max() >= threshold) * -(target * np.log(predicted)).sum()
        total += 0.5 * -(unfolded * np.log(strong)).sum()
    close(loss, total / 4)


def test_simmatch_learns_by_predictions_alone_before_any_labelled_image_came():
    strategy = begun(SimMatch(CLASSES, threshold=0.0, width=4), CLASSES)
    outputs = seen((LABELED, WEAK, STRONG), 0)
    p, predicted = (outputs[view].double().softmax(1).numpy() for view in (WEAK, STRONG))
    close(strategy.loss(Batch({}, {}, {}), outputs, 0.0), -(p * np.log(predicted)).sum(1).mean())


def test_simmatch_remembers_the_embedding_and_the_label_of_each_image():
    strategy = begun(SimMatch(CLASSES, width=4, keeps=0.7, decay=0.5), CLASSES)
    random = np.random.default_rng(0)
    first, again = units(random, 3, 4), units(random, 2, 4)
    guess = torch.tensor([[0.6, 0.3, 0.1]])

    def step(samples, labels, embeddings):
        batch = Batch({}, {LABELED: torch.tensor(labels)}, {}, {LABELED: torch.tensor(samples)})
        rows = {simmatch.LABELED: torch.from_numpy(embeddings).float(), simmatch.GUESS: guess}
        strategy.after_step(batch, rows, 0.0)

    step([7, 2, 7], [1, 0, 1], first)
    assert strategy.labels.tolist() == [-1, -1, 0, -1, -1, -1, -1, 1, -1, -1]
    twice = (first[0] + first[2]) / np.linalg.norm(first[0] + first[2])
    np.testing.assert_allclose(strategy.bank[7], twice, rtol=1e-5, atol=1e-6)
    step([2, 5], [0, 2], again)
    mixed = 0.7 * first[1] + 0.3 * again[0]
    np.testing.assert_allclose(strategy.bank[2], mixed / np.linalg.norm(mixed), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(strategy.bank[[5, 7]], [again[1], twice], rtol=1e-5, atol=1e-6)
    assert strategy.labels[[2, 5, 7]].tolist() == [0, 2, 1]
    np.testing.assert_allclose(strategy.mean[0], 0.25 / 3 + 0.75 * guess[0].numpy(), rtol=1e-5)


@few
@given(seed=seeds, threshold=st.floats(0.3, 0.9), edge=st.floats(0.2, 0.8), filled=st.sampled_from([0, 5, 12]))
def test_comatch_smooths_pseudo_labels_and_contrasts_graphs(seed, threshold, edge, filled):
    random = np.random.default_rng(seed)
    options = {"threshold": threshold, "edge": edge, "smoothing": 0.7, "graph": 0.4, "memory": 12, "width": 4}
    strategy = begun(CoMatch(CLASSES, **options), CLASSES)
    memory, guesses, mean = units(random, 12, 4), random.dirichlet(np.ones(3), 12), random.dirichlet(np.full(3, 3.0))
    guesses[filled:] = 0
    for buffer, values in ((strategy.embeddings, memory), (strategy.guesses, guesses), (strategy.mean, mean[None])):
        fill(buffer, values)
    outputs = seen((LABELED, WEAK, STRONG, AGAIN), seed)
    loss = strategy.loss(Batch({}, {}, {}, {WEAK: torch.arange(4)}), outputs, 0.0)
    p = softmax(outputs[WEAK].double().numpy()) / mean
    q = p / p.sum(1, keepdims=True)
    if filled:
        near = softmax(embedded(strategy, outputs, WEAK) @ memory[:filled].T / 0.2)
        q = 0.7 * q + 0.3 * near @ guesses[:filled]
    predicted = softmax(outputs[STRONG].double().numpy())
    learnt = np.mean((q.max(1) >= threshold) * -(q * np.log(predicted)).sum(1))
    one, other = (embedded(strategy, outputs, view) for view in (STRONG, AGAIN))
    contrast = 0.0
    for b in range(4):
        pseudo, near = np.empty(4), np.empty(4)
        for j in range(4):
            pseudo[j] = 1 if b == j else (q[b] @ q[j] if q[b] @ q[j] >= edge else 0)
            near[j] = np.exp(one[b] @ (other[b] if b == j else one[j]) / 0.2)
        contrast -= (pseudo / pseudo.sum() * np.log(near / near.sum())).sum() / 4
    close(loss, learnt + 0.4 * (contrast - np.log(4)))


def test_comatch_remembers_the_latest_rows_first():
    strategy = begun(CoMatch(CLASSES, memory=5, width=4, decay=0.5), CLASSES)
    random = np.random.default_rng(0)
    rows = [(units(random, 2, 4), units(random, 1, 4), random.dirichlet(np.ones(3), 2)) for _ in range(2)]
    for embeddings, labeled, guess in rows:
        given_rows = (embeddings, labeled, guess, guess)
        views = (comatch.EMBEDDED, comatch.LABELED, comatch.GUESS, comatch.ALIGNED)
        outputs = {view: torch.from_numpy(value).float() for view, value in zip(views, given_rows, strict=True)}
        strategy.after_step(Batch({}, {LABELED: torch.tensor([2])}, {}), outputs, 0.0)
    old, new = rows
    np.testing.assert_allclose(strategy.embeddings, np.concatenate([new[0], new[1], old[0]]), rtol=1e-5)
    np.testing.assert_allclose(strategy.guesses, np.concatenate([new[2], [[0, 0, 1]], old[2]]), rtol=1e-5)


@pytest.mark.parametrize("make", [SimMatch, CoMatch], ids=lambda make: make.__name__)
def test_what_the_weak_view_shows_gets_no_gradient(make):
    strategy = begun(make(CLASSES, threshold=0.0, width=4), CLASSES)
    outputs = seen((LABELED, WEAK, STRONG, AGAIN), 0)
    leaves = SeenViews({view: logits.requires_grad_() for view, logits in outputs.items()})
    batch = Batch({}, {LABELED: labels_of(CLASSES, 4)}, {}, {WEAK: torch.arange(4)})
    strategy.loss(batch, leaves, 0.0).backward()
    assert leaves[STRONG].grad.abs().sum() > 0
    for view in (WEAK, LABELED):
        assert leaves[view].grad is None
        assert all(level.grad is None for level in leaves.features(view))
