"""Balancers of losses against their equations in NumPy, and against TorchJD's where it has the same."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssmtl import RandomStream
from ssmtl.builtins.uncertainty import Uncertainty
from ssmtl.testing.sample_outputs import facts
from ssmtl.testing.samples import OUTPUTS
from ssmtl.training.task_gradients import TaskGradients
from ssmtl_balancers.dwa import DynamicWeightAverage
from ssmtl_balancers.famo import Famo
from ssmtl_balancers.gls import GeometricLoss
from ssmtl_balancers.rlw import RandomLossWeighting
from ssmtl_balancers.stch import SmoothTchebycheff

TASKS = ("a", "b", "c")
seeds = st.integers(0, 2**31)
positive = st.lists(st.floats(0.01, 5), min_size=3, max_size=3)


def by_task(values):
    return dict(zip(TASKS, torch.as_tensor(values, dtype=torch.float32), strict=True))


def curves(seed, steps):
    """Losses of three tasks that fall, with noise."""
    random = np.random.default_rng(seed)
    return random.uniform(0.5, 1.5, (steps, 3)) * np.exp(-np.outer(np.arange(steps), [0.1, 0.02, 0.3])) * [1, 7, 0.2]


def weights_in(balancer, values):
    """Of each loss in the total's gradient."""
    losses = {task: loss.requires_grad_() for task, loss in by_task(values).items()}
    return torch.stack(torch.autograd.grad(balancer(losses), [*losses.values()]))


@pytest.fixture(scope="module")
def scalarization():
    return pytest.importorskip("torchjd.scalarization", reason="the extra 'torchjd' is not installed")


# Dynamic weight average


@given(seed=seeds, temperature=st.floats(0.1, 10))
def test_dwa_weighs_by_the_ratio_of_the_last_two_epochs(seed, temperature):
    balancer, losses = DynamicWeightAverage(TASKS, temperature=temperature, every=3), curves(seed, 8)
    for step, row in enumerate(losses):
        if step < 6:
            expected = np.ones(3)
        else:
            now = step // 3 * 3
            rates = losses[now - 3 : now].mean(0) / losses[now - 6 : now - 3].mean(0)
            raised = np.exp(rates / temperature)
            expected = 3 * raised / raised.sum()
        np.testing.assert_allclose(weights_in(balancer, row), expected, rtol=1e-4)
        balancer.after_step(by_task(row))


def test_dwa_is_torchjds(scalarization):
    balancer, peer, losses = DynamicWeightAverage(TASKS, every=4), scalarization.DWA(temperature=2.0), curves(0, 14)
    for step, row in enumerate(losses):
        torch.testing.assert_close(balancer(by_task(row)), peer(torch.tensor(row, dtype=torch.float32)))
        balancer.after_step(by_task(row))
        if step % 4 == 3:
            peer.step()


@given(seed=seeds, scale=st.floats(0.01, 100))
def test_dwa_does_not_depend_on_a_losss_scale(seed, scale):
    plain, scaled = DynamicWeightAverage(TASKS, every=2), DynamicWeightAverage(TASKS, every=2)
    for row in curves(seed, 6):
        plain.after_step(by_task(row))
        scaled.after_step(by_task(row * [1, scale, 1]))
    torch.testing.assert_close(scaled.weights(), plain.weights(), rtol=1e-4, atol=1e-5)
    assert plain.weights().sum().item() == pytest.approx(3, rel=1e-5)


# Random weights


def begun(seed):
    torch.manual_seed(seed)
    balancer = RandomLossWeighting(TASKS)
    balancer.begin({task: facts(OUTPUTS[0], {"labeled": 1, "unlabeled": 1}) for task in TASKS})
    return balancer


def test_random_weights_are_the_softmax_of_normal_numbers_of_the_step():
    balancer, drawn = begun(1), []
    first = balancer.draw.clone()
    for step in range(200):
        found = balancer.weights()
        normal = RandomStream(first + step).normal("weights", 3)[0].double().numpy()
        np.testing.assert_allclose(found, np.exp(normal) / np.exp(normal).sum(), rtol=1e-5)
        assert torch.equal(balancer.weights(), found), "the same step, the same weights"
        drawn.append(found)
        balancer.after_step({})
    assert torch.stack(drawn).mean(0).sub(1 / 3).abs().max() < 0.06
    assert torch.stack(drawn).std(0).min() > 0.1
    torch.testing.assert_close(torch.stack(drawn).sum(1), torch.ones(200))


def test_random_weights_go_on_where_they_were_and_differ_by_seed():
    balancer, other = begun(1), begun(2)
    assert not torch.equal(balancer.weights(), other.weights())
    balancer.after_step({})
    other.load_state_dict(balancer.state_dict())
    assert torch.equal(balancer.weights(), other.weights())


# Geometric mean and smooth maximum


@given(values=positive, scale=st.floats(0.1, 10))
def test_the_geometric_loss(values, scale):
    balancer = GeometricLoss(TASKS)
    assert balancer(by_task(values)).item() == pytest.approx(np.prod(values) ** (1 / 3), rel=1e-4)
    scaled = [scale * values[0], *values[1:]]
    # Of the losses' logarithms, so that the scale of a task's loss is no part of its weight.
    found = [weights_in(balancer, one) * torch.tensor(one) for one in (values, scaled)]
    for shares in found:
        torch.testing.assert_close(shares / shares.sum(), torch.full((3,), 1 / 3), rtol=1e-4, atol=1e-5)


def test_the_geometric_loss_is_torchjds(scalarization):
    values = torch.tensor([0.3, 2.0, 0.05])
    torch.testing.assert_close(GeometricLoss(TASKS)(by_task(values)), scalarization.GeometricMean()(values))


@given(values=positive, mu=st.floats(0.01, 2), ideal=st.floats(-1, 0.01))
def test_the_smooth_maximum_lies_just_above_the_maximum(values, mu, ideal):
    balancer = SmoothTchebycheff(TASKS, mu=mu, preference={"a": 2.0, "c": 5.0}, ideal=ideal)
    scaled = np.array([2, 1, 5]) / 8 * (np.array(values) - ideal)
    found = balancer(by_task(values)).item()
    assert found == pytest.approx(mu * np.log(np.exp(scaled / mu).sum()), rel=1e-3, abs=1e-4)
    assert scaled.max() - 1e-4 <= found <= scaled.max() + mu * np.log(3) + 1e-4
    shares = weights_in(balancer, values) / torch.tensor([2, 1, 5]) * 8
    assert shares.sum().item() == pytest.approx(1, rel=1e-4), "a weighted mean of the preferred gradients"


def test_the_smooth_maximum_is_torchjds(scalarization):
    values = torch.tensor([0.3, 2.0, 0.05])
    for mu in (0.01, 0.1, 1.0):
        peer = scalarization.STCH(mu, reference=torch.full((3,), -0.5))
        torch.testing.assert_close(SmoothTchebycheff(TASKS, mu=mu, ideal=-0.5)(by_task(values)), peer(values))


def test_uncertainty_is_torchjds(scalarization):
    """TorchJD halves the losses, the paper's form for squared errors; ours does not, its form for classes."""
    balancer, peer = Uncertainty(TASKS), scalarization.UW(len(TASKS))
    losses = torch.tensor([0.5, 2.0, 3.0])
    values = torch.tensor([-0.7, 0.1, 0.4])
    peer.log_var.data.copy_(values)
    for parameter, value in zip(balancer.log_variances.values(), values, strict=True):
        parameter.data.copy_(value)
    ours, theirs = balancer(dict(zip(TASKS, losses, strict=True))), peer(2 * losses)
    torch.testing.assert_close(ours, theirs)
    ours.backward()
    theirs.backward()
    gradients = torch.stack([parameter.grad for parameter in balancer.log_variances.values()])
    torch.testing.assert_close(gradients, peer.log_var.grad)


def test_random_weights_of_the_same_numbers_are_torchjds(scalarization, monkeypatch):
    numbers, losses = torch.tensor([[0.3, -1.0, 0.8]]), torch.tensor([0.5, 2.0, 3.0])
    monkeypatch.setattr(RandomStream, "normal", lambda *_: numbers)
    monkeypatch.setattr(torch, "randn", lambda *_, **__: numbers[0])
    ours = RandomLossWeighting(TASKS)(dict(zip(TASKS, losses, strict=True)))
    torch.testing.assert_close(ours, scalarization.Random()(losses))


def test_a_preference_for_no_task_is_named():
    with pytest.raises(ValueError, match="preference: there is no 'd' to balance; there are a, b, c"):
        SmoothTchebycheff(TASKS, preference={"d": 1.0})


# Several processes


@pytest.mark.parametrize("make", [GeometricLoss, SmoothTchebycheff, Famo])
def test_the_gradient_is_that_of_the_mean_losses_of_all_processes(make):
    """Two processes with the losses x² and 3 x² have together the gradient that one process with 2 x² has."""
    slopes, x = torch.tensor([[1.0, 2.0, 0.5], [3.0, 0.1, 0.7]]), torch.tensor([0.9, 1.1, 1.3])

    def gradient(slope, mean):
        leaf = x.clone().requires_grad_()
        losses = dict(zip(TASKS, slope * leaf.square(), strict=True))
        state = SimpleNamespace(shard=SimpleNamespace(world=2), averaged=lambda values: mean * x.square())
        given = TaskGradients._over_processes(SimpleNamespace(state=state), losses)
        return torch.autograd.grad(make(TASKS)(given), leaf)[0]

    both = torch.stack([gradient(slope, slopes.mean(0)) for slope in slopes]).mean(0)
    torch.testing.assert_close(both, gradient(slopes.mean(0), slopes.mean(0)))
    assert make.wants_mean_losses
