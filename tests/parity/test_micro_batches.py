"""Rows that pass through the network in parts give the step that they give together."""

import lightning_fabric
import pytest
import torch
from first_users import FIRST_USERS
from lightning_fabric.plugins.precision.amp import MixedPrecision
from small_multimix import NO_DROPOUT, SMALL, state_of, train, weights_of

from ssmtl import Folders
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.training.engine import training_step
from ssmtl.training.train_state import make_train_state

PLUGINS = load_plugins()
SHIPPED = sorted(name for name in PLUGINS["recipe"] if "/" not in name)


def gradients_of(recipe, micro_batch, *more):
    """Of the first step of a shipped recipe, with dropout off, by parameter."""
    wanted = [one for one in SMALL if applies(one, recipe)]
    off = [one for one in NO_DROPOUT if applies(one, recipe)]
    overrides = [*wanted, *off, *more, f"train.micro_batch={micro_batch}"]
    text = read(recipe, PLUGINS["recipe"], overrides=overrides)
    experiment = assemble(text.validated(), PLUGINS)
    fabric = lightning_fabric.Fabric(accelerator="cpu", devices=1)
    state = make_train_state(fabric, experiment, prepare(experiment, PLUGINS, Folders()).tasks)
    result = training_step(state, 0, diagnose=True, compare=True)
    named = [*experiment.model.named_parameters(), *state.outside.named_parameters()]
    return result, {name: parameter.grad.clone() for name, parameter in named if parameter.grad is not None}


def applies(setting, recipe):
    tasks = read(recipe, PLUGINS["recipe"]).content["tasks"]
    return not setting.startswith("tasks.") or setting.split(".")[1] in tasks


@pytest.mark.parametrize("recipe", SHIPPED)
def test_every_shipped_recipe(recipe):
    whole, expected = gradients_of(recipe, "off")
    parts, found = gradients_of(recipe, 2)
    assert found.keys() == expected.keys()
    largest = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= 1e-5 * largest, name
    torch.testing.assert_close(parts.total, whole.total, rtol=1e-5, atol=1e-6)
    assert parts.diagnostics.keys() == whole.diagnostics.keys()
    for name, value in whole.diagnostics.items():
        torch.testing.assert_close(parts.diagnostics[name], value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "more", [(), ("balancer.use=uncertainty",), ("balancer.use=famo",), ("train.clip=0.1",), ("train.ema=0.9",)]
)
def test_weights_after_steps(more):
    settings = (*NO_DROPOUT, "optimizer={use: sgd, lr: 0.001}", *more)
    states = [state_of(*settings, f"train.micro_batch={rows}") for rows in ("off", 1)]
    for state in states:
        train(state, 3)
    expected, found = map(weights_of, states)
    for name, weights in expected.items():
        torch.testing.assert_close(found[name], weights, rtol=1e-5, atol=1e-5)


def test_what_strategies_remember_after_steps():
    """Among them SimMatch, which keeps embeddings of rows that pass in parts."""
    settings = (*NO_DROPOUT, "optimizer={use: sgd, lr: 0.001}", *FIRST_USERS["classification"])
    expected, found = (state_of(*settings, f"train.micro_batch={rows}") for rows in ("off", 1))
    for state in (expected, found):
        train(state, 2)
    kept = {name: value for name, value in weights_of(expected).items() if name.startswith("extra.")}
    assert kept
    for name, value in kept.items():
        torch.testing.assert_close(weights_of(found)[name], value, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("over", ["tasks", "strategies"])
def test_a_sum_of_gradients_is_the_gradient_of_the_sum(over):
    """TorchJD's Sum goes the way of all balancers of gradients; the weights are those of adding losses."""
    settings = (*NO_DROPOUT, "optimizer={use: sgd, lr: 0.001}")
    plain = state_of(*settings, "train.micro_batch=off")
    combined = state_of(*settings, f"balancer={{use: torchjd, aggregator: Sum, over: {over}}}")
    for state in (plain, combined):
        train(state, 3)
    found = weights_of(combined)
    for name, weights in weights_of(plain).items():
        torch.testing.assert_close(found[name], weights, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_gradients_are_combined_under_mixed_precision_as_losses_are(precision):
    """In 16 bits gradients are scaled; the balancer sees them unscaled."""

    def state(*more):
        settings = (*NO_DROPOUT, "optimizer={use: sgd, lr: 0.001}", f"train.precision={precision}", *more)
        if precision == "bf16-mixed":
            return state_of(*settings)
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1000)
        fabric = lightning_fabric.Fabric(
            accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)]
        )
        return state_of(*settings, fabric=fabric)

    plain, combined = state(), state("balancer={use: torchjd, aggregator: Sum}")
    recorded = []
    combine = type(combined.experiment.balancer).combine

    def noted(self, gradients, losses, step):
        recorded.append((gradients, losses))
        return combine(self, gradients, losses, step)

    combined.experiment.balancer.combine = noted.__get__(combined.experiment.balancer)
    for one in (plain, combined):
        train(one, 3)
    found = weights_of(combined)
    for name, weights in weights_of(plain).items():
        torch.testing.assert_close(found[name], weights, rtol=5e-2, atol=5e-3)
    assert len(recorded) == 3
    assert recorded[0][0].dtype == torch.float32
    assert recorded[0][0].norm(dim=1).max() < 100, "not scaled"
