"""Predictions as distributions over outcomes, in NumPy and double precision: an oracle for the strategies."""

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st

from ssmtl import Batch, Output, View
from ssmtl.testing.sample_outputs import facts

CLASSES, LABELS = Output("multiclass", ("a", "b", "c")), Output("multilabel", ("a", "b"))
BOTH = (CLASSES, LABELS)
WEAK, STRONG = View("unlabeled", "weak"), View("unlabeled", "strong")
LABELED, STRONG_LABELED = View("labeled", "weak"), View("labeled", "strong")

seeds = st.integers(0, 2**31)
few = settings(max_examples=12)
both = pytest.mark.parametrize("output", BOTH, ids=lambda output: output.kind)


def normal(*shape, seed=0, scale=2.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def logits_of(output, rows=6, seed=0):
    return normal(rows, len(output.classes), seed=seed)


def outcomes(output, logits):
    """(rows, variables, outcomes): of multi-class one variable, of multi-label one with two outcomes for each label."""
    values = np.asarray(logits.detach(), np.float64)
    if output.kind == "multiclass":
        powers = np.exp(values)
        return (powers / powers.sum(1, keepdims=True))[:, None, :]
    present = 1 / (1 + np.exp(-values))
    return np.stack([1 - present, present], axis=2)


def each(output, probabilities):
    """Row, variable, distribution."""
    for row, variables in enumerate(probabilities):
        for variable, distribution in enumerate(variables):
            yield row, variable, distribution


def labels_of(output, rows=6, seed=0, unknown=False):
    """Random labels; if some are unknown, the first of the first row."""
    random = torch.Generator().manual_seed(seed)
    if output.kind == "multiclass":
        return torch.randint(0, len(output.classes), (rows,), generator=random)
    labels = torch.randint(0, 2, (rows, len(output.classes)), generator=random).float()
    if unknown:
        labels[0, 0] = torch.nan
    return labels


def guessed(output, logits, view=STRONG, others=None):
    """A batch as `prepare` returns it: the weak view's probabilities are the targets of the strong view."""
    target = torch.from_numpy(outcomes(output, logits)).float()
    return Batch({}, {view: target, **(others or {})}, {}, {})


def begun(strategy, output, unlabeled=10):
    strategy.begin(facts(output, {"labeled": 10, "unlabeled": unlabeled}))
    return strategy


def fill(buffer, values):
    buffer.copy_(torch.from_numpy(np.asarray(values)))


def distributions(random, output):
    """A random distribution for each variable."""
    shape = (1, len(output.classes)) if output.kind == "multiclass" else (len(output.classes), 2)
    return random.dirichlet(np.full(shape[1], 3.0), size=shape[0])


def scaled(distribution, by):
    return distribution * by / (distribution * by).sum()


def learnt(output, weak, strong, choose):
    """The mean over rows and variables of weight · H(target, strong). :param choose: distribution, variable → both."""
    guesses, predictions = outcomes(output, weak), outcomes(output, strong)
    losses = []
    for row, variable, guess in each(output, guesses):
        weight, target = choose(guess, variable)
        losses.append(-float(weight) * (target * np.log(predictions[row, variable])).sum())
    return np.mean(losses)


def one_hot(distribution):
    return (distribution == distribution.max()).astype(float)


def close(loss, expected):
    assert loss.item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
