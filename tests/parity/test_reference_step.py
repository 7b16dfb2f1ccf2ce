"""The step that passes every view through the whole network by itself, and the engine's: the same weights."""

import torch
from small_multimix import NO_DROPOUT, state_of, weights_of
from torch import nn

from ssmtl.cost.bare_step import bare_step
from ssmtl.cost.reference_step import reference_step, with_plain_layers
from ssmtl.training.engine import training_step

SGD = "optimizer={use: sgd, lr: 0.001}"


def weights_after(step, *settings, plain=False):
    state = state_of(*NO_DROPOUT, SGD, *settings)
    if plain:
        with_plain_layers(state.experiment.model)
    totals = [step(state, number) for number in range(3)]
    return weights_of(state), totals


def test_without_dropout_both_give_the_same_weights():
    for settings in ((), ("train.micro_batch=off",), ("train.clip=0.1", "train.ema=0.9")):
        expected, totals = weights_after(reference_step, *settings, plain=True)
        found, results = weights_after(training_step, *settings)
        for name, weights in expected.items():
            torch.testing.assert_close(found[name], weights, rtol=1e-5, atol=1e-5, msg=name)
        for total, result in zip(totals, results, strict=True):
            torch.testing.assert_close(result.total, total, rtol=1e-5, atol=1e-5)


def test_the_plain_layers_are_pytorchs_own():
    model = with_plain_layers(state_of().experiment.model)
    kinds = {type(module) for module in model.modules()}
    assert nn.InstanceNorm2d in kinds
    assert nn.Dropout in kinds
    assert nn.GroupNorm not in kinds
    rates = {module.p for module in model.modules() if isinstance(module, nn.Dropout)}
    assert rates == {0.25}


def test_the_network_alone_learns():
    state = state_of()
    before, take = weights_of(state), bare_step(state)
    take(state, 0)
    assert any(not torch.equal(weights, before[name]) for name, weights in weights_of(state).items())
