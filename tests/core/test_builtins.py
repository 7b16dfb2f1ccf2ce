"""The built-in components against formulas and other implementations."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from ssmtl.builtins.cross_entropy import CrossEntropy
from ssmtl.builtins.identity import Identity
from ssmtl.builtins.pooled_linear import PooledLinear
from ssmtl.builtins.soft_dice import SoftDice
from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Output
from ssmtl.contracts.random_stream import RandomStream
from ssmtl.contracts.view import Batch, View

PYRAMID = Pyramid((4, 6), (1, 2))
CLASSES = Output("multiclass", ("a", "b", "c"))
FINDINGS = Output("multilabel", ("a", "b", "c"))
MASKS = Output("masks", ("a", "b"))
WEAK = View("labeled", "weak")


def loss(strategy, logits, targets, progress=0.5):
    return strategy.loss(Batch({}, {WEAK: targets}, {}), {WEAK: logits}, progress)


def test_identity_changes_nothing():
    images, masks = torch.rand(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    found = Identity()(images, masks, RandomStream.of([0, 1], 0))
    assert found[0] is images
    assert found[1] is masks


def test_pooled_linear_is_max_pool_average_and_one_layer():
    head = PooledLinear(PYRAMID, classes=("a", "b"))
    deepest = torch.randn(3, 6, 4, 4)
    pooled = deepest.reshape(3, 6, 2, 2, 2, 2).amax((3, 5)).mean((2, 3))
    expected = pooled @ head.linear.weight.T + head.linear.bias
    assert torch.allclose(head((torch.randn(3, 4, 8, 8), deepest)), expected, atol=1e-6)
    assert head.output == Output("multiclass", ("a", "b"))


def test_pooled_linear_without_pooling_and_on_one_pixel():
    head = PooledLinear(PYRAMID, classes=("a",), multilabel=True, max_pool=False)
    deepest = torch.randn(3, 6, 4, 4)
    assert torch.allclose(head((deepest,)), head.linear(deepest.mean((2, 3))))
    pixel = torch.randn(3, 6, 1, 1)
    pooling = PooledLinear(PYRAMID, classes=("a", "b"))
    assert torch.allclose(pooling((pixel,)), pooling.linear(pixel[..., 0, 0]))


@pytest.mark.parametrize(("classes", "message"), [(("a",), "always 1"), (("a", "a"), "not distinct")])
def test_pooled_linear_refuses(classes, message):
    with pytest.raises(ValueError, match=message):
        PooledLinear(PYRAMID, classes=classes)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_of_classes_is_the_mean_of_minus_log_p(smoothing):
    logits, labels = torch.randn(5, 3) * 3, torch.tensor([0, 2, 1, 1, 0])
    found = loss(CrossEntropy(CLASSES, label_smoothing=smoothing), logits, labels)
    target = np.eye(3)[labels] * (1 - smoothing) + smoothing / 3
    p = np.exp(logits.double().numpy())
    p /= p.sum(1, keepdims=True)
    assert found.item() == pytest.approx(-(target * np.log(p)).sum(1).mean(), rel=1e-5)
    assert torch.isclose(found, F.cross_entropy(logits, labels, label_smoothing=smoothing))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_of_findings_is_one_bernoulli_per_class(smoothing):
    logits, labels = torch.randn(5, 3) * 3, torch.tensor(np.random.default_rng(0).integers(0, 2, (5, 3))).float()
    found = loss(CrossEntropy(FINDINGS, label_smoothing=smoothing), logits, labels)
    target = labels.double().numpy() * (1 - smoothing) + smoothing / 2
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    assert found.item() == pytest.approx(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean(), rel=1e-5)


def brute_force_dice(logits, masks, smooth, over):
    p, g = 1 / (1 + np.exp(-logits.double().numpy())), masks.double().numpy()
    found = []
    for structure in range(p.shape[1]):
        groups = [range(len(p))] if over == "batch" else [[row] for row in range(len(p))]
        for rows in groups:
            both = size = 0.0
            for row in rows:
                for y in range(p.shape[2]):
                    for x in range(p.shape[3]):
                        both += p[row, structure, y, x] * g[row, structure, y, x]
                        size += p[row, structure, y, x] + g[row, structure, y, x]
            found.append((2 * both + smooth) / (size + smooth))
    return 1 - np.mean(found)


@pytest.mark.parametrize("over", ["image", "batch"])
@pytest.mark.parametrize("smooth", [1.0, 0.1])
def test_soft_dice_against_loops(over, smooth):
    logits, masks = torch.randn(3, 2, 5, 4) * 2, (torch.rand(3, 2, 5, 4) > 0.5).float()
    found = loss(SoftDice(MASKS, smooth=smooth, over=over), logits, masks)
    assert found.item() == pytest.approx(brute_force_dice(logits, masks, smooth, over), abs=1e-6)


@pytest.mark.parametrize("over", ["image", "batch"])
def test_soft_dice_of_empty_masks(over):
    """Two empty masks have no loss; false positives in an empty mask have a finite gradient."""
    strategy, nothing = SoftDice(MASKS, over=over), torch.zeros(2, 2, 6, 6)
    assert loss(strategy, torch.full((2, 2, 6, 6), -60.0), nothing).item() == pytest.approx(0, abs=1e-6)
    logits = torch.zeros(2, 2, 6, 6, requires_grad=True)
    found = loss(strategy, logits, nothing)
    found.backward()
    assert found > 0.9
    assert logits.grad.isfinite().all()
    assert (logits.grad > 0).all()


@given(st.integers(0, 1000))
def test_soft_dice_is_between_0_and_1_and_least_for_the_right_mask(seed):
    generator = torch.Generator().manual_seed(seed)
    masks = (torch.rand(2, 2, 5, 5, generator=generator) > 0.6).float()
    logits = torch.randn(2, 2, 5, 5, generator=generator) * 3
    strategy = SoftDice(MASKS)
    found, right = loss(strategy, logits, masks), loss(strategy, masks * 120 - 60, masks)
    assert right.item() == pytest.approx(0, abs=1e-6)
    assert 0 < found < 1
