"""Schedules, the moving average of the weights, and balancers."""

import math

import pytest
import torch
from torch import nn

from ssmtl.builtins.fixed import Fixed
from ssmtl.builtins.uncertainty import Uncertainty
from ssmtl.model.ema import Ema
from ssmtl.recipe.training import Optimizer, Schedule
from ssmtl.training.schedule import in_steps, make_optimizer, rate_at


def rates(steps=100, epoch=10, **options):
    return [rate_at(step, Schedule(**options), steps, epoch) for step in range(steps)]


def test_constant():
    assert set(rates()) == {1.0}


def test_step_as_in_the_paper():
    found = rates(use="step", every="3 epochs", gamma=0.1)
    assert found[29] == 1.0
    assert found[30] == pytest.approx(0.1)
    assert found[60] == pytest.approx(0.01)
    assert rates(use="step", every=30, gamma=0.1) == found
    assert rates(use="step", every="30 steps", gamma=0.1) == found


def test_cosine():
    found = rates(use="cosine", floor=0.2)
    assert found[0] == 1.0
    assert found[50] == pytest.approx(0.6)
    assert found[99] == pytest.approx(0.2 + 0.8 * (1 + math.cos(math.pi * 0.99)) / 2)
    assert found == sorted(found, reverse=True)
    assert rate_at(500, Schedule(use="cosine", floor=0.2), 100, 10) == pytest.approx(0.2)


@pytest.mark.parametrize("use", ["constant", "step", "cosine"])
def test_warm_up_is_linear_and_never_zero(use):
    found = rates(use=use, warmup=4, every=1000)
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_step_schedule_counts_from_the_end_of_the_warm_up():
    found = rates(use="step", warmup=5, every=10, gamma=0.5)
    assert found[14] == 1.0
    assert found[15] == 0.5


@pytest.mark.parametrize("use", ["constant", "step", "cosine"])
def test_a_warm_up_may_be_given_in_epochs(use):
    found = rates(use=use, warmup="2 epochs", every="3 epochs")
    assert found == rates(use=use, warmup=20, every=30)
    assert found[19] == pytest.approx(20 / 21)
    assert rates(use=use, warmup="0 epochs") == rates(use=use)


@pytest.mark.parametrize(
    ("duration", "steps"),
    [(7, 7), ("7 steps", 7), ("1 step", 1), ("2 epochs", 20), ("0.5 epoch", 5), ("0.01 epochs", 1)],
)
def test_durations(duration, steps):
    assert in_steps(duration, 10) == steps


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (Optimizer(), torch.optim.Adam),
        (Optimizer(use="adamw", weight_decay=0.1), torch.optim.AdamW),
        (Optimizer(use="sgd", momentum=0.0), torch.optim.SGD),
        (Optimizer(use="sgd"), torch.optim.SGD),
    ],
)
def test_optimizers(spec, kind):
    weight = nn.Parameter(torch.tensor(5.0))
    optimizer = make_optimizer(iter([weight]), spec)
    assert type(optimizer) is kind
    weight.square().backward()
    optimizer.step()
    assert weight < 5


def model(value):
    found = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    nn.init.constant_(found[0].weight, value)
    return found


def test_ema_warms_up_then_decays():
    net = model(0.0)
    ema = Ema(net, decay=0.5)
    nn.init.constant_(net[0].weight, 1.0)
    expected = 0.0
    for step in range(30):
        ema.update(net, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay)
        assert ema.model[0].weight.item() == pytest.approx(expected, abs=1e-6)
    assert expected > 0.999


def test_a_short_run_does_not_keep_its_initial_weights():
    net = model(0.0)
    ema = Ema(net, decay=0.999)
    nn.init.constant_(net[0].weight, 1.0)
    for step in range(100):
        ema.update(net, step)
    assert ema.model[0].weight.item() > 0.99


def test_ema_copies_buffers_and_is_frozen_in_evaluation_mode():
    net = model(0.0)
    ema = Ema(net, decay=0.9)
    net.train()(torch.randn(8, 1))
    ema.update(net, 100)
    assert torch.equal(ema.model[1].running_var, net[1].running_var)
    assert ema.model[1].num_batches_tracked == 1
    assert not any(weight.requires_grad for weight in ema.model.parameters())
    assert all(weight.requires_grad for weight in net.parameters())
    assert not any(part.training for part in ema.model.modules())
    assert net.training
    net[1].running_var += 1
    assert not torch.equal(ema.model[1].running_var, net[1].running_var), "a copy, not the same tensor"


def losses(*values):
    return {name: torch.tensor(value, requires_grad=True) for name, value in zip("abc", values, strict=False)}


def test_fixed_is_the_sum():
    assert Fixed(("a", "b", "c"))(losses(1.0, 2.0, 4.0)).item() == 7.0


def test_uncertainty_begins_as_fixed_and_learns_to_weigh_the_noisy_task_down():
    balancer = Uncertainty(("a", "b"))
    given = losses(0.1, 4.0)
    total = balancer(given)
    assert total.item() == pytest.approx(4.1)
    total.backward()
    assert given["a"].grad == given["b"].grad == 1
    optimizer = torch.optim.SGD(balancer.parameters(), 0.05)
    for _ in range(800):
        optimizer.zero_grad()
        balancer(losses(0.1, 4.0)).backward()
        optimizer.step()
    # The minimum of exp(−s) L + s / 2 is at exp(s) = 2 L.
    assert balancer.log_variances["a"].exp().item() == pytest.approx(0.2, rel=0.05)
    assert balancer.log_variances["b"].exp().item() == pytest.approx(8.0, rel=0.05)
