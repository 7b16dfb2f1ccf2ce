"""KL consistency against equation (2) of MultiMix in float64, and against what the authors' public code computes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from ssmtl import Batch, Output, View
from ssmtl_multimix.kl_consistency import KLConsistency

LUNG = Output("masks", ("lung",))
LABELED, UNLABELED = View("labeled", "weak"), View("unlabeled", "weak")
PAIRINGS = ["as_printed", "foreground_rate"]
seeds = st.integers(0, 2**31)


def loss_of(labeled, unlabeled, pairing="as_printed"):
    strategy = KLConsistency(LUNG, pairing=pairing)
    return strategy.loss(Batch({}, {}, {}), {LABELED: labeled, UNLABELED: unlabeled}, 0.0)


def logits_of(seed, labeled=3, unlabeled=3, structures=1, scale=4.0):
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(rows, structures, 5, 4, generator=generator) for rows in (labeled, unlabeled)]


def bernoulli(p, not_p, q, not_q):
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(a > 0, a * (np.log(a) - np.log(b)), 0.0) for a, b in ((p, q), (not_p, not_q))]
    return terms[0] + terms[1]


def both(logits):
    """p and 1 - p, each without cancellation."""
    exact = logits.double().numpy()
    return 1 / (1 + np.exp(-exact)), 1 / (1 + np.exp(exact))


def equation_2(labeled, unlabeled, pairing):
    """The divergence, averaged over pixels, structures and rows, in float64."""
    p, q = both(labeled), both(unlabeled)
    if pairing == "as_printed":
        rows = min(len(labeled), len(unlabeled))
        p, q = ([part[:rows] for part in side] for side in (p, q))
    else:
        p, q = ([part.mean(0) for part in side] for side in (p, q))
    return bernoulli(*p, *q).mean()


@given(seed=seeds, rows=st.tuples(st.integers(1, 5), st.integers(1, 5)), structures=st.integers(1, 3))
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_it_is_equation_2(pairing, seed, rows, structures):
    labeled, unlabeled = logits_of(seed, *rows, structures)
    found = loss_of(labeled, unlabeled, pairing)
    assert found.shape == ()
    assert found.item() == pytest.approx(equation_2(labeled, unlabeled, pairing), rel=1e-4, abs=1e-6)


@given(seed=seeds, scale=st.floats(0, 50))
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_it_is_not_negative_and_zero_where_both_sides_agree(pairing, seed, scale):
    labeled, unlabeled = logits_of(seed, scale=scale)
    assert loss_of(labeled, unlabeled, pairing).item() >= -1e-6
    assert loss_of(labeled, labeled.clone(), pairing) == 0


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_it_is_positive_where_one_pixel_differs(pairing):
    labeled, _ = logits_of(0)
    other = labeled.clone()
    other[0, 0, 2, 2] += 1
    assert loss_of(labeled, other, pairing).item() > 1e-5


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_it_is_not_symmetric(pairing):
    labeled, unlabeled = logits_of(1)
    assert abs((loss_of(labeled, unlabeled, pairing) - loss_of(unlabeled, labeled, pairing)).item()) > 1e-3


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_value_and_gradient_are_finite_at_the_extremes(pairing, signs):
    labeled, unlabeled = (torch.full((2, 1, 3, 3), 100.0 * sign, requires_grad=True) for sign in signs)
    loss = loss_of(labeled, unlabeled, pairing)
    loss.backward()
    assert loss.item() == pytest.approx(100.0 if signs[0] != signs[1] else 0.0, abs=1e-4)
    assert labeled.grad.isfinite().all()
    assert unlabeled.grad.isfinite().all()


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_both_sides_carry_gradient(pairing):
    labeled, unlabeled = (logits.requires_grad_() for logits in logits_of(2))
    loss_of(labeled, unlabeled, pairing).backward()
    assert labeled.grad.abs().min() > 0
    assert unlabeled.grad.abs().min() > 0


@given(seed=seeds)
def test_the_gradient_of_the_unlabelled_side_is_q_minus_p(seed):
    """∂ KL(p ‖ σ(z)) / ∂ z = σ(z) − p, by hand."""
    labeled, unlabeled = logits_of(seed)
    unlabeled.requires_grad_()
    loss_of(labeled, unlabeled).backward()
    by_hand = (unlabeled.detach().sigmoid() - labeled.sigmoid()) / labeled.numel()
    torch.testing.assert_close(unlabeled.grad, by_hand, atol=1e-6, rtol=1e-4)


def test_unequal_batches_pair_the_rows_that_both_have():
    labeled, unlabeled = logits_of(3, 2, 5)
    changed = unlabeled.clone()
    changed[2:] = 0
    assert torch.equal(loss_of(labeled, unlabeled), loss_of(labeled, changed))
    assert not torch.equal(loss_of(labeled, unlabeled, "foreground_rate"), loss_of(labeled, changed, "foreground_rate"))


def test_foreground_rate_does_not_depend_on_the_order_of_the_rows():
    labeled, unlabeled = logits_of(4, 4, 4)
    torch.testing.assert_close(
        loss_of(labeled, unlabeled, "foreground_rate"), loss_of(labeled.flip(0), unlabeled, "foreground_rate")
    )
    assert not torch.allclose(loss_of(labeled, unlabeled), loss_of(labeled.flip(0), unlabeled))


def test_the_authors_formula_is_zero_with_a_zero_gradient_and_ours_is_not():
    """The public code takes a softmax over the single channel of the mask, which is 1 everywhere."""
    labeled, unlabeled = (logits.requires_grad_() for logits in logits_of(5))
    published = F.kl_div(labeled.log_softmax(1), unlabeled.softmax(1), reduction="batchmean")
    published.backward()
    assert published == 0
    assert torch.equal(labeled.grad, torch.zeros_like(labeled))
    assert torch.equal(unlabeled.grad, torch.zeros_like(unlabeled))

    loss = loss_of(labeled, unlabeled)
    loss.backward()
    assert loss.item() > 0.1
    assert labeled.grad.abs().min() > 0
    assert unlabeled.grad.abs().min() > 0


def test_the_bernoulli_form_is_the_softmax_form_of_the_logits_beside_zero():
    labeled, unlabeled = logits_of(6)
    two = [torch.cat([torch.zeros_like(logits), logits], 1).double() for logits in (labeled, unlabeled)]
    softmaxes = F.kl_div(two[1].log_softmax(1), two[0].softmax(1), reduction="none").sum(1).mean()
    assert loss_of(labeled, unlabeled).item() == pytest.approx(softmaxes.item(), rel=1e-5)


def test_it_needs_masks_of_both_pools_in_one_augmentation():
    strategy = KLConsistency(LUNG, augment="strong")
    assert strategy.views == {View("labeled", "strong"), View("unlabeled", "strong")}
    assert KLConsistency.accepts == {"masks"}
