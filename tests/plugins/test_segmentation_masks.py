"""What strategies for masks share; DTC; UniMatch and cross pseudo supervision of exclusive structures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_masks import normal, own_masks, probabilities, random_masks, streams_of
from scipy.ndimage import distance_transform_edt

from ssmtl import Batch, Output, View
from ssmtl.testing.sample_outputs import SampleOutputs
from ssmtl_segmentation.bcp import BidirectionalCopyPaste
from ssmtl_segmentation.cps import CrossPseudoSupervision
from ssmtl_segmentation.cutmix_seg import CutMixSegmentation
from ssmtl_segmentation.dtc import DualTaskConsistency
from ssmtl_segmentation.mask_losses import cross_entropies
from ssmtl_segmentation.outcomes import confident, hard_masks, log_outcomes, outcomes
from ssmtl_segmentation.signed_distance import signed_distances, squared_distances
from ssmtl_segmentation.ua_mt import UncertaintyAwareMeanTeacher
from ssmtl_segmentation.unimatch import UniMatch

SEVERAL, EXCLUSIVE = Output("masks", ("a", "b")), Output("masks", ("a", "b"), exclusive=True)
LABELED, WEAK = View("labeled", "weak"), View("unlabeled", "weak")
STRONG, AGAIN = View("unlabeled", "strong"), View("unlabeled", "strong", 1)
seeds = st.integers(0, 2**31)
both = pytest.mark.parametrize("output", [SEVERAL, EXCLUSIVE], ids=["several", "exclusive"])
few = settings(max_examples=10)


@both
@few
@given(seed=seeds, low=st.floats(0.5, 1), high=st.floats(0.5, 1))
def test_outcomes_add_up_and_fewer_pixels_reach_a_higher_threshold(output, seed, low, high):
    logits = normal(2, 2, 4, 4, seed=seed)
    given_ = output.probabilities(logits)
    np.testing.assert_allclose(log_outcomes(output, logits).exp().numpy(), probabilities(output, logits), rtol=1e-4)
    np.testing.assert_allclose(outcomes(output, given_).numpy(), own_masks(output, given_), atol=1e-6)
    low, high = sorted((low, high))
    assert (confident(output, given_, high) <= confident(output, given_, low)).all()
    chosen = hard_masks(output, given_)
    best = own_masks(output, given_).argmax(-1)
    expected = np.stack([best == 1, best == 2], 1) if output.exclusive else best
    assert np.array_equal(chosen.numpy(), expected)


@few
@given(seed=seeds)
def test_exclusive_cross_entropy_knows_the_background_and_leaves_out_unknown_pixels(seed):
    masks, logits = random_masks(2, 2, 4, seed), normal(2, 2, 4, 4, seed=seed)
    masks[0, 0, 1, 2] = torch.nan
    losses, known = cross_entropies(EXCLUSIVE, logits, masks)
    assert (~known).nonzero().tolist() == [[0, 1, 2]]
    found = probabilities(EXCLUSIVE, logits)
    for row, y, x in known.nonzero().tolist():
        outcome = [0, 1, 2] @ np.array([0, *masks[row, :, y, x]])
        assert losses[row, y, x].item() == pytest.approx(-np.log(found[row, y, x, int(outcome)]), rel=1e-4)


@few
@given(seed=seeds)
def test_unimatch_of_exclusive_structures_is_the_confident_softmax_cross_entropy(seed):
    strategy = UniMatch(EXCLUSIVE, threshold=0.6, features=0.0, images=1.0)
    views = (WEAK, STRONG, AGAIN)
    outputs = SampleOutputs({view: normal(2, 2, 8, 8, seed=seed + k) for k, view in enumerate(views)})
    guesses = {view: EXCLUSIVE.probabilities(normal(2, 2, 8, 8, seed=seed + 9 + k)) for k, view in enumerate(views)}
    loss = strategy.loss(Batch({}, guesses, streams_of(2, *views)), outputs, 0.0)
    terms = []
    for view in (STRONG, AGAIN):
        teacher, predicted = own_masks(EXCLUSIVE, guesses[view]), probabilities(EXCLUSIVE, outputs[view])
        surprise = -np.log(np.take_along_axis(predicted, teacher.argmax(-1)[..., None], -1)[..., 0])
        terms.append((surprise * (teacher.max(-1) >= 0.6)).mean())
    assert loss.item() == pytest.approx(np.mean(terms) / 2, rel=1e-3, abs=1e-6)


@few
@given(seed=seeds)
def test_cps_of_exclusive_structures_teaches_the_twin_the_arg_max(seed):
    ours, theirs = ([normal(2, 2, 8, 8, seed=seed + number + 2 * place) for number in range(2)] for place in range(2))
    masks = random_masks(2, 2, 8, seed)
    strategy = CrossPseudoSupervision(EXCLUSIVE, trade_off=1.5)
    strategy.twin = lambda images: theirs[int(images.amax())]
    images = {LABELED: torch.zeros(2, 1, 8, 8), WEAK: torch.ones(2, 1, 8, 8)}
    loss = strategy.loss(Batch(images, {LABELED: masks}, {}), {LABELED: ours[0], WEAK: ours[1]}, 0.0)

    def distance(logits, labels):
        return -np.log(np.take_along_axis(probabilities(EXCLUSIVE, logits), labels[..., None], -1)).mean()

    def best(logits):
        return probabilities(EXCLUSIVE, logits).argmax(-1)

    cross = sum(distance(b, best(a)) + distance(a, best(b)) for a, b in zip(ours, theirs, strict=True))
    labels = (masks.numpy() * np.array([1, 2])[None, :, None, None]).sum(1).astype(int)
    assert loss.item() == pytest.approx(distance(theirs[0], labels) + 1.5 * cross / 2, rel=1e-3)


@few
@given(seed=seeds, height=st.integers(1, 12), width=st.integers(1, 12), share=st.floats(0.05, 0.95))
def test_distances_are_scipys(seed, height, width, share):
    sites = np.random.default_rng(seed).random((2, 2, height, width)) < share
    sites[:, :, 0, 0] = True
    found = squared_distances(torch.from_numpy(sites)).sqrt().numpy()
    for place in np.ndindex(2, 2):
        np.testing.assert_allclose(found[place], distance_transform_edt(~sites[place]), rtol=1e-5)


def test_signed_distances_are_negative_inside_and_reach_one_on_both_sides():
    masks = random_masks(3, 2, 16, 0)
    masks[0, 0], masks[1, 0], masks[2, 1, 3, 3] = 0, 1, torch.nan
    found = signed_distances(masks)
    assert found[0, 0].eq(1).all(), "there is nothing inside"
    assert found[1, 0].eq(-1).all(), "there is nothing outside"
    assert found[2, 1].isnan().all(), "a mask that is partly unknown has no distances"
    rest = found[1, 1]
    assert torch.equal(rest < 0, masks[1, 1] == 1)
    assert (rest.min().item(), rest.max().item()) == (-1, 1)
    inside = masks[1, 1].bool().numpy()
    outward, inward = distance_transform_edt(~inside), distance_transform_edt(inside)
    np.testing.assert_allclose(rest.numpy(), outward / outward.max() - inward / inward.max(), rtol=1e-5)


class Second(torch.nn.Module):
    """Says one thing of labelled images and then another of unlabelled ones."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = list(logits)

    def forward(self, features):
        return self.logits.pop(0)


@both
@few
@given(seed=seeds)
def test_dtc_learns_distances_and_agrees_with_the_masks_they_mean(output, seed):
    strategy = DualTaskConsistency(output, distances=0.3, steepness=20.0, consistency=0.5)
    second = [normal(2, 2, 16, 16, seed=seed + k, scale=0.5) for k in range(2)]
    strategy.second = Second(*second)
    masks = random_masks(2, 2, 16, seed)
    masks[0, 1] = torch.nan
    outputs = SampleOutputs({LABELED: normal(2, 2, 16, 16, seed=seed), WEAK: normal(2, 2, 16, 16, seed=seed + 7)})
    loss = strategy.loss(Batch({}, {LABELED: masks}, {}), outputs, 0.5)
    reached = [np.tanh(one.double().numpy()) for one in second]
    reference = signed_distances(masks).double().numpy()
    learnt = np.mean([np.nanmean((reached[0][row] - reference[row]) ** 2) for row in range(2)])
    apart = []
    for view, distances in zip((LABELED, WEAK), reached, strict=True):
        found = output.probabilities(outputs[view]).double().numpy()
        apart.append(((1 / (1 + np.exp(20 * distances)) - found) ** 2).mean())
    assert loss.item() == pytest.approx(0.3 * learnt + 0.5 * np.exp(-1.25) * np.mean(apart), rel=1e-3)


@pytest.mark.parametrize("make", [UncertaintyAwareMeanTeacher, CutMixSegmentation, BidirectionalCopyPaste, UniMatch])
def test_one_structure_is_the_same_whether_exclusive_or_not(make):
    """A softmax over the background, with the logit 0, and one structure is a sigmoid."""
    losses, masks = [], random_masks(4, 1, 16, 0)
    for exclusive in (False, True):
        output = Output("masks", ("a",), exclusive)
        strategy = make(output)
        batch = Batch(
            {view: torch.zeros(4, 1, 16, 16) + view.repeat / 2 for view in strategy.views},
            {LABELED: masks} if LABELED in strategy.views else {},
            streams_of(4, *strategy.views),
        )
        prepared = strategy.prepare(batch, lambda images, **_: normal(4, 1, 16, 16, seed=9, scale=9))
        logits = {view: normal(4, 1, 16, 16, seed=view.repeat) for view in prepared.images}
        losses.append(strategy.loss(prepared, SampleOutputs(logits), 0.9).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] > 0
