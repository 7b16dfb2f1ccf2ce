"""A checkpoint holds everything that training depends on."""

import pytest
import torch
from first_users import FIRST_USERS, cases
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision.amp import MixedPrecision
from small_multimix import state_of, train, weights_of

from ssmtl.errors import RunError
from ssmtl.training.saved_state import numbers_of, restore, tensors_of

STRATEGIES = "tasks.diagnosis.strategies"
KINDS = {
    "adam": (),
    "moving average": ("train.ema=0.9",),
    "sgd": ("optimizer={use: sgd, lr: 0.01}",),
    "uncertainty": ("balancer={use: uncertainty}",),
    "mixmatch": (f"{STRATEGIES}=[{{use: mixmatch}}]",),
    "clip": ("train.clip=0.1",),
    "domains": ("norm=domain",),
    **FIRST_USERS,
}


def assert_goes_on_alike(make):
    """Five steps, or three and then two more by another learner from the state: the same to the last bit."""
    whole = make()
    train(whole, 5)
    first = make()
    train(first, 3)
    tensors = {name: value.clone() for name, value in tensors_of(first).items()}
    numbers = numbers_of(first)
    second = make()
    restore(second, tensors, numbers)
    train(second, 5, start=3)
    one, two = tensors_of(whole), tensors_of(second)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert numbers_of(whole) == numbers_of(second)
    assert any(not torch.equal(value, weights_of(second)[name]) for name, value in weights_of(first).items())


@pytest.mark.parametrize("kind", cases(KINDS))
def test_the_state_is_all_that_is_needed(kind):
    assert_goes_on_alike(lambda: state_of(*KINDS[kind]))


def test_the_loss_scale_of_16_bits():
    """The scaler changes its scale at every second step, as one on a GPU sometimes does."""

    def make():
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        fabric = Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
        return state_of("train.precision=16-mixed", fabric=fabric)

    assert_goes_on_alike(make)
    state = make()
    train(state, 3)
    assert numbers_of(state)["precision"]["scale"] != 8.0


def test_the_state_of_another_model_is_refused():
    small, other = state_of(), state_of("backbone.widths=[4, 4, 8, 8, 16]")
    train(small, 1)
    with pytest.raises(RunError, match="of another model"):
        restore(other, tensors_of(small), numbers_of(small))
