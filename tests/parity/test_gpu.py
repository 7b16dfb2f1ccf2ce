"""On a GPU: what is tested elsewhere on a CPU, and that a step waits for the device only once.

Kills and resumes take place on a GPU with SSMTL_TEST_DEVICE=cuda in tests/faults/test_kills.py.
"""

import traceback
import warnings
from pathlib import Path

import pytest
import torch
from first_users import FIRST_USERS
from small_multimix import NO_DROPOUT, recipe_of, state_of, train, weights_of
from torch.nn import functional as F

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.cost.reference_step import reference_step, with_plain_layers
from ssmtl.runs.fabric import make_fabric
from ssmtl.training.engine import training_step
from ssmtl_multimix.upsampling import upsample
from ssmtl_torchjd.aggregated import Name

NAMES = Name.__args__

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU (CUDA) on this machine")
SGD = "optimizer={use: sgd, lr: 0.001}"
GPU = "train.device=cuda"
ROOT = Path(__file__).parents[2]
OWN = (f"{ROOT / 'ssmtl'}/", f"{ROOT / 'plugins'}/")
WAITS = "called a synchronizing CUDA operation"


@pytest.fixture(autouse=True)
def _exact_products():
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def on_gpu(*settings):
    recipe, _ = recipe_of(*settings, GPU)
    return state_of(*settings, GPU, fabric=make_fabric(recipe))


def cpu_weights_of(state):
    return {name: tensor.cpu() for name, tensor in weights_of(state).items()}


@pytest.mark.parametrize("before", [(5, 7), (1, 1), (4, 4)])
@pytest.mark.parametrize("after", [(10, 14), (9, 20), (4, 4)])
def test_upsampling_is_pytorchs(before, after):
    features = torch.randn(2, 3, *before)
    expected = F.interpolate(features, size=after, mode="bilinear")
    torch.testing.assert_close(upsample(features.cuda(), *after).cpu(), expected, rtol=1e-5, atol=1e-5)


def test_random_numbers_are_those_of_the_cpu():
    here, there = (RandomStream.of(range(9), 3, "task", device=device) for device in ("cpu", "cuda"))
    assert there.uniform("x", 7).device.type == "cuda"
    assert torch.equal(there.uniform("x", 7).cpu(), here.uniform("x", 7))
    some = torch.tensor([4, 2])
    assert torch.equal(there[some.cuda()].uniform("x").cpu(), here[some].uniform("x"))


@pytest.mark.parametrize("rows", ["off", "1", "auto"])
def test_weights_are_those_of_the_cpu_and_of_the_plain_step(rows):
    settings = (*NO_DROPOUT, SGD, f"train.micro_batch={rows}")
    cpu, gpu, plain = state_of(*settings), on_gpu(*settings), on_gpu(*settings)
    with_plain_layers(plain.experiment.model)
    for step in range(3):
        training_step(cpu, step)
        training_step(gpu, step)
        reference_step(plain, step)
    found, reference = cpu_weights_of(gpu), cpu_weights_of(plain)
    for name, weights in weights_of(cpu).items():
        torch.testing.assert_close(found[name], weights, rtol=1e-4, atol=1e-4, msg=name)
        torch.testing.assert_close(reference[name], found[name], rtol=1e-4, atol=1e-4, msg=name)


@pytest.mark.parametrize("name", ["multimix", *FIRST_USERS])
def test_two_runs_give_the_same_weights(name):
    states = [on_gpu(*FIRST_USERS.get(name, ())) for _ in range(2)]
    for state in states:
        train(state, 4)
    one, other = map(cpu_weights_of, states)
    assert [key for key, weights in one.items() if not torch.equal(other[key], weights)] == []


COMBINES_GRADIENTS = {"gradnorm", "nash_mtl", "torchjd", "torchjd over strategies"}
"""First users that look once more whether the gradients are finite."""

STEPS = {
    "multimix": (),
    "in parts": ("train.micro_batch=2",),
    "averaged": ("train.ema=0.9", "train.clip=0.1"),
    "mixmatch": ("tasks.diagnosis.strategies=[{use: mixmatch}]",),
    "bf16": ("train.precision=bf16-mixed",),
    "uncertainty": ("balancer.use=uncertainty",),
    **{name: settings for name, settings in FIRST_USERS.items() if name not in COMBINES_GRADIENTS},
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_waits_for_the_device_once(name):
    state = on_gpu(*STEPS[name])
    for step in range(2):
        training_step(state, step)
    places = []

    def noted(message, *_rest, **_more):
        if WAITS in str(message):
            own = [one for one in traceback.extract_stack() if one.filename.startswith(OWN)]
            places.append(f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = noted
        torch.cuda.set_sync_debug_mode("warn")
        try:
            training_step(state, 2)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert [place.split(":")[0] for place in places] == ["finite.py"], places


@pytest.mark.parametrize("name", NAMES)
def test_every_balancer_of_gradients_combines_them(name):
    if name == "CAGrad":
        pytest.importorskip("cvxpy", reason="CAGrad needs it")
    options = {"CAGrad": "c: 0.5", "UPGrad": "pref_vector: [1, 2]", "NashMTL": "n_tasks: 2"}.get(name, "")
    balancer = f"balancer={{use: torchjd, aggregator: {name}, options: {{{options}}}}}"
    here, there = state_of(*NO_DROPOUT, SGD, balancer), on_gpu(*NO_DROPOUT, SGD, balancer)
    for state in (here, there):
        train(state, 2)
    found = cpu_weights_of(there)
    for key, weights in weights_of(here).items():
        torch.testing.assert_close(found[key], weights, rtol=1e-3, atol=1e-3, msg=key)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision_combines_gradients_as_losses(precision):
    settings = (*NO_DROPOUT, SGD, f"train.precision={precision}")
    plain, combined = on_gpu(*settings), on_gpu(*settings, "balancer={use: torchjd, aggregator: Sum}")
    for state in (plain, combined):
        assert all(step.total.isfinite() for step in train(state, 3))
    found = cpu_weights_of(combined)
    for name, weights in cpu_weights_of(plain).items():
        torch.testing.assert_close(found[name], weights, rtol=5e-2, atol=5e-3, msg=name)
