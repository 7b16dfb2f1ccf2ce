"""FAMO and GradNorm, which learn their weights, against their equations in NumPy and PyTorch's own Adam."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_balancers import TASKS, by_task, curves, positive, seeds, weights_in

from ssmtl_balancers.adam import BufferedAdam
from ssmtl_balancers.famo import Famo
from ssmtl_balancers.gradnorm import GradNorm

# FAMO


def test_buffered_adam_is_pytorchs():
    start = torch.tensor([0.5, -1.0, 2.0])
    weights = torch.nn.Parameter(start.clone())
    peer, own = torch.optim.Adam([weights], lr=0.1, weight_decay=0.01), BufferedAdam(start, 0.1, 0.01)
    for step in range(20):
        gradient = torch.randn(3, generator=torch.Generator().manual_seed(step))
        weights.grad = gradient.clone()
        peer.step()
        own.step(gradient)
        torch.testing.assert_close(own.weights, weights.detach())


@given(values=positive)
def test_famo_weighs_each_gradient_by_its_share_over_its_loss(values):
    balancer = Famo(TASKS)
    balancer.logits.weights.copy_(torch.tensor([0.3, -1.0, 0.5]))
    shares = np.exp([0.3, -1.0, 0.5])
    inverse = shares / shares.sum() / np.array(values)
    np.testing.assert_allclose(weights_in(balancer, values), inverse / inverse.sum(), rtol=1e-3)


def test_famo_is_torchjds():
    scalarization = pytest.importorskip("torchjd.scalarization", reason="the extra 'torchjd' is not installed")
    balancer, peer, losses = Famo(TASKS), scalarization.FAMO(3), torch.tensor(curves(1, 12), dtype=torch.float32)
    for before, after in pairwise(losses):
        torch.testing.assert_close(balancer(by_task(before)), peer(before))
        balancer.after_step(by_task(after))
        peer.update(after)
        torch.testing.assert_close(balancer.logits.weights, peer._w.detach())


def test_famo_gives_weight_to_the_task_that_fell_least():
    balancer = Famo(TASKS)
    for _ in range(20):
        balancer(by_task([1.0, 1.0, 1.0]))
        balancer.after_step(by_task([0.9, 1.0, 0.5]))
    assert balancer.logits.weights.argsort().tolist() == [2, 0, 1]


# GradNorm


@given(seed=seeds, alpha=st.floats(0, 3))
def test_gradnorm_goes_down_the_gradient_of_its_loss(seed, alpha):
    random = np.random.default_rng(seed)
    balancer, losses = GradNorm(TASKS, alpha=alpha, lr=0.05), random.uniform(0.2, 3, (4, 3))
    weights = torch.ones(3, dtype=torch.float64, requires_grad=True)
    peer = torch.optim.Adam([weights], lr=0.05)
    for row in losses:
        gradients = torch.from_numpy(random.normal(size=(3, 9)) * [[1], [5], [0.1]])
        combined = balancer.combine(gradients.float(), torch.from_numpy(row).float(), 0)
        np.testing.assert_allclose(combined, weights.detach().numpy() @ gradients.numpy(), rtol=1e-3, atol=1e-4)
        balancer.after_step(by_task(row))
        lengths = torch.stack([(weight * one).norm() for weight, one in zip(weights, gradients, strict=True)])
        share = row / losses[0]
        target = lengths.detach().mean() * torch.from_numpy((share / share.mean()) ** alpha)
        peer.zero_grad()
        (lengths - target).abs().sum().backward()
        peer.step()
        with torch.no_grad():
            weights *= 3 / weights.sum()
        torch.testing.assert_close(balancer.learned.weights.double(), weights.detach(), rtol=1e-3, atol=1e-4)
    assert balancer.learned.weights.sum().item() == pytest.approx(3, rel=1e-5)


def test_gradnorm_makes_the_lengths_equal():
    balancer = GradNorm(TASKS, alpha=0.0, lr=0.02)
    gradients = torch.eye(3) * torch.tensor([1.0, 2.0, 4.0])
    for step in range(400):
        balancer.combine(gradients, torch.ones(3), step)
        balancer.after_step(by_task([1.0, 1.0, 1.0]))
    lengths = balancer.learned.weights * torch.tensor([1.0, 2.0, 4.0])
    assert (lengths / lengths.mean() - 1).abs().max() < 0.1
