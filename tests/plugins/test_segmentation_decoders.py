"""Further decoders of masks against their papers' formulas, written out in NumPy pixel by pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_masks import (
    bce_or_ce,
    dice,
    normal,
    probabilities,
    random_masks,
    softened,
    streams_of,
)

from ssmtl import Batch, Output, View
from ssmtl.testing.sample_outputs import SampleOutputs, facts
from ssmtl_segmentation.cct import CrossConsistency, _without_channels, _without_the_most_active
from ssmtl_segmentation.mc_net import MutualConsistency
from ssmtl_segmentation.outcomes import log_outcomes
from ssmtl_segmentation.urpc import UncertaintyRectifiedPyramid

SEVERAL, EXCLUSIVE = Output("masks", ("a", "b")), Output("masks", ("a", "b"), exclusive=True)
LABELED, WEAK = View("labeled", "weak"), View("unlabeled", "weak")
STRONG, AGAIN = View("unlabeled", "strong"), View("unlabeled", "strong", 1)
seeds = st.integers(0, 2**31)
both = pytest.mark.parametrize("output", [SEVERAL, EXCLUSIVE], ids=["several", "exclusive"])
few = settings(max_examples=5)


def begun(strategy, output):
    strategy.begin(facts(output, {"labeled": 10, "unlabeled": 10}))
    return strategy


class Says(torch.nn.Module):
    """Logits by how large the finest features are."""

    def __init__(self, *by_view):
        super().__init__()
        self.logits, self.calls = by_view, 0

    def forward(self, features):
        self.calls += 1
        return self.logits[self.calls - 1]


@both
@few
@given(seed=seeds, progress=st.floats(0, 0.99))
def test_mc_net_is_dice_and_the_error_of_every_pair_of_decoders(output, seed, progress):
    strategy = MutualConsistency(output, decoders=2, temperature=0.5, supervised=0.7, consistency=0.2)
    logits = [[normal(2, 2, 16, 16, seed=seed + 2 * k + view) for view in range(2)] for k in range(3)]
    strategy.decoders = torch.nn.ModuleList(Says(*one) for one in logits[1:])
    masks = random_masks(2, 2, 16, seed)
    masks[1, 0] = torch.nan
    outputs = SampleOutputs({LABELED: logits[0][0], WEAK: logits[0][1]})
    loss = strategy.loss(Batch({}, {LABELED: masks}, {}), outputs, progress)
    everywhere = np.ones((2, 16, 16), bool)
    supervised = sum(dice(output, probabilities(output, one[0]), masks.numpy(), everywhere) for one in logits[1:])
    apart = 0.0
    for view in range(2):
        found = [probabilities(output, one[view]) for one in logits]
        for i in range(3):
            for j in set(range(3)) - {i}:
                apart += ((softened(found[i], 0.5) - found[j]) ** 2).mean() / 2
    assert loss.item() == pytest.approx(
        0.7 * supervised + 0.2 * np.exp(-5 * (1 - progress) ** 2) * apart, rel=1e-3, abs=1e-6
    )


@both
@few
@given(seed=seeds)
def test_urpc_weighs_scales_by_their_divergence_from_the_mean(output, seed):
    strategy = begun(UncertaintyRectifiedPyramid(output, scales=2, supervised=0.5, consistency=1.0), output)
    masks = random_masks(2, 2, 16, seed)
    outputs = SampleOutputs({LABELED: normal(2, 2, 16, 16, seed=seed), WEAK: normal(2, 2, 16, 16, seed=seed + 1)})
    with torch.no_grad():
        loss = strategy.loss(Batch({}, {LABELED: masks}, {}), outputs, 0.5)
        further = {view: strategy._further(outputs, view) for view in (LABELED, WEAK)}
    everywhere = np.ones((2, 16, 16), bool)
    supervised = []
    for one in further[LABELED]:
        p, target = probabilities(output, one), masks.double().numpy()
        supervised.append((dice(output, p, target, everywhere) + bce_or_ce(output, p, target, everywhere)) / 2)
    scales = np.stack([probabilities(output, one) for one in (outputs[WEAK], *further[WEAK])])
    centre, total = scales.mean(0), []
    for scale in scales:
        for row in range(2):
            apart = (scale[row] * np.log(scale[row] / centre[row])).sum(-1)
            squares = ((scale[row] - centre[row]) ** 2).mean(-1)
            total.append(np.average(squares, weights=np.exp(-apart)) + apart.mean())
    expected = 0.5 * np.mean(supervised) + np.exp(-1.25) * np.mean(total)
    assert loss.item() == pytest.approx(expected, rel=1e-3)


@both
def test_cct_is_the_mean_error_of_three_decoders_and_teaches_the_main_one_nothing(output):
    strategy = CrossConsistency(output)
    main = normal(2, 2, 16, 16).requires_grad_()
    said = [normal(2, 2, 16, 16, seed=k).requires_grad_() for k in (1, 2, 3)]
    strategy.decoders = torch.nn.ModuleList(Says(one) for one in said)
    batch = Batch({WEAK: torch.zeros(2, 1, 16, 16)}, {}, streams_of(2, WEAK))
    loss = strategy.loss(batch, SampleOutputs({WEAK: main}), 0.0)
    target = probabilities(output, main)
    expected = np.mean([((probabilities(output, one) - target) ** 2).mean() for one in said])
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    loss.backward()
    assert main.grad is None
    assert all(one.grad.abs().sum() > 0 for one in said)


def test_ccts_perturbations_of_features():
    stream, level = streams_of(40, WEAK)[WEAK], torch.rand(40, 30, 8, 8)
    noisy = CrossConsistency(SEVERAL, noise=0.3)._noisy(level, stream, 0) / level
    assert 0.7 - 1e-4 <= noisy.min() < 0.71 < 1.29 < noisy.max() <= 1.3 + 1e-4
    kept = _without_the_most_active(level, stream, 0)
    active = level.mean(1)
    for row in range(40):
        dropped = kept[row].eq(0).all(0)
        assert dropped.flatten()[active[row].argmax()], "the most active part is dropped"
        assert active[row][dropped].min() > active[row][~dropped].max()
        assert 0.69 * active[row].max() <= active[row][dropped].min()
    channels = _without_channels(torch.ones(40, 30, 2, 2), stream, 0)
    assert set(channels.unique().tolist()) == {0.0, 2.0}


def test_mc_nets_sharpened_side_gets_no_gradient():
    one, other = (normal(2, 2, 4, 4, seed=k).requires_grad_() for k in range(2))
    strategy = MutualConsistency(SEVERAL, temperature=1.0)
    strategy._agreement([log_outcomes(SEVERAL, logits) for logits in (one, other)]).backward()
    alone = one.detach().requires_grad_()
    (alone.sigmoid() - other.detach().sigmoid()).square().mean().backward()
    torch.testing.assert_close(one.grad, alone.grad)
