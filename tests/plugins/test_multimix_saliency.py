"""The saliency bridge: what it computes, and everything that it leaves unchanged."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ssmtl import Backbone, Pyramid
from ssmtl.builtins.pooled_linear import PooledLinear
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl_multimix.controls import ImageOnlyBridge, RandomMapBridge
from ssmtl_multimix.decoder import MultiMixDecoder
from ssmtl_multimix.saliency import SaliencyBridge

MEAN, STD = 0.4, 0.3


class Smooth(Backbone):
    """Two smooth levels with dropout and BatchNorm, whose mode and statistics matter."""

    def __init__(self, image_channels):
        super().__init__()
        self.pyramid = Pyramid((4, 6), (1, 2), image_channels)
        self.first = nn.Conv2d(image_channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.5)
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1)

    def forward(self, images):
        fine = self.dropout(torch.tanh(self.norm(self.first(images))))
        return fine, torch.tanh(self.second(fine))


def model_of(channels=1, stride=1, bridge=SaliencyBridge, **options):
    torch.manual_seed(1)
    backbone = Smooth(channels)
    if bridge is SaliencyBridge:
        options["guided_by"] = "diagnosis"
    made = bridge(backbone.pyramid, stride=stride, **options)
    heads = {
        "diagnosis": PooledLinear(backbone.pyramid, classes=("normal", "pneumonia", "other"), max_pool=False),
        "lungs": MultiMixDecoder(made.pyramid, classes=("lung",)),
    }
    return MultiTaskModel(backbone, heads, {"lungs": made}, {task: ([MEAN], [STD]) for task in heads})


def map_of(model, images):
    """The channel that the bridge appends last, at its level."""
    bridge = model.bridges["lungs"]
    features = model.backbone((images - MEAN) / STD)
    predict = {name: model.predictor(name) for name in bridge.reads}
    return bridge(images, features, predict)[bridge.level][:, -1:]


def differences(model, images, target):
    """|∂ logit / ∂ x| of every pixel by central differences, in float64."""
    exact = copy.deepcopy(model).double().eval()

    def logit(images):
        with torch.no_grad():
            features = exact.backbone((images - MEAN) / STD)
            return exact.heads["diagnosis"](features)

    images, step = images.double(), 1e-5
    chosen = logit(images).argmax(1) if target is None else torch.full((len(images),), target)
    result = torch.zeros_like(images)
    for place in np.ndindex(*images.shape[1:]):
        nudge = torch.zeros_like(images)
        nudge[(slice(None), *place)] = step
        change = (logit(images + nudge) - logit(images - nudge)) / (2 * step)
        result[(slice(None), *place)] = change.gather(1, chosen[:, None])[:, 0]
    return result.abs().amax(1, keepdim=True)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("target", "index"), [("predicted", None), ("other", 2), ("normal", 0)])
def test_it_is_the_gradient_by_brute_force_and_by_autograd(channels, target, index):
    model = model_of(channels, normalize="none", target=target)
    images = torch.rand(2, channels, 6, 5)
    found = map_of(model, images)
    assert found.shape == (2, 1, 6, 5)
    torch.testing.assert_close(found.double(), differences(model, images, index), atol=1e-6, rtol=1e-4)

    plain = copy.deepcopy(model).eval()
    inputs = images.clone().requires_grad_()
    logits = plain.heads["diagnosis"](plain.backbone((inputs - MEAN) / STD))
    score = logits.max(1).values if index is None else logits[:, index]
    score.sum().backward()
    torch.testing.assert_close(found, inputs.grad.abs().amax(1, keepdim=True))


def test_normalize_divides_each_map_by_its_largest_value():
    images = torch.rand(3, 1, 8, 8)
    plain, scaled = (map_of(model_of(normalize=how), images) for how in ("none", "max"))
    torch.testing.assert_close(scaled, plain / plain.amax((1, 2, 3), keepdim=True))
    torch.testing.assert_close(scaled.amax((1, 2, 3)), torch.ones(3))


def test_a_classifier_without_gradient_gives_a_map_of_zeros():
    model = model_of(normalize="max")
    nn.init.zeros_(model.heads["diagnosis"].linear.weight)
    assert torch.equal(map_of(model, torch.rand(2, 1, 8, 8)), torch.zeros(2, 1, 8, 8))


def test_an_unknown_class_is_named():
    with pytest.raises(ValueError, match=r"no class 'flu'.*normal, pneumonia, other"):
        model_of(target="flu").logits("lungs", torch.rand(1, 1, 8, 8))


def state_of(model):
    flags = {name: part.training for name, part in model.named_modules()}
    gradients = {name: part.grad for name, part in model.named_parameters()}
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    needs = {name: part.requires_grad for name, part in model.named_parameters()}
    return flags, gradients, tensors, needs


def same_state(before, after):
    assert before[0] == after[0]
    assert before[3] == after[3]
    assert all(before[1][name] is after[1][name] for name in before[1])
    assert all(torch.equal(before[2][name], after[2][name]) for name in before[2])


def mixed_flags(model):
    """In training mode, except for two modules that the user froze."""
    model.train()
    model.backbone.norm.eval()
    model.heads["diagnosis"].eval()
    return model


def test_no_gradient_buffer_or_flag_changes():
    model = mixed_flags(model_of())
    images, features = torch.rand(2, 1, 8, 8), (torch.rand(2, 4, 8, 8), torch.rand(2, 6, 4, 4))
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    before = state_of(model)
    bridge = model.bridges["lungs"]
    outputs = bridge(images, features, {"diagnosis": model.predictor("diagnosis")})
    same_state(before, state_of(model))
    assert all((parameter.grad == 7).all() for parameter in model.parameters())
    assert not images.requires_grad
    assert not any(level.requires_grad for level in outputs)


def test_no_flag_changes_after_an_exception():
    model = mixed_flags(model_of())
    before = state_of(model)
    with pytest.raises(RuntimeError, match="broken"):
        fail_in(model)
    same_state(before, state_of(model))


def fail_in(model):
    def fail(_module, _inputs):
        raise RuntimeError("broken")

    hook = model.heads["diagnosis"].register_forward_pre_hook(fail)
    try:
        model.predictor("diagnosis")(torch.rand(2, 1, 8, 8))
    finally:
        hook.remove()


def test_the_map_is_detached_so_a_mask_loss_does_not_reach_the_classifier():
    model = model_of()
    model.logits("lungs", torch.rand(2, 1, 8, 8)).square().sum().backward()
    assert all(parameter.grad is None for parameter in model.heads["diagnosis"].parameters())
    assert model.backbone.first.weight.grad.abs().sum() > 0


def test_a_loss_through_the_bridge_has_the_gradient_of_a_constant_map():
    """No second derivative: the mask loss treats the map as a constant."""
    model = model_of().eval()
    images = torch.rand(2, 1, 8, 8)
    found = map_of(model, images)
    model.logits("lungs", images).square().sum().backward()
    with_bridge = model.backbone.first.weight.grad.clone()
    model.zero_grad()
    fine, deep = model.backbone((images - MEAN) / STD)
    model.heads["lungs"]((torch.cat([fine, images, found], 1), deep)).square().sum().backward()
    torch.testing.assert_close(model.backbone.first.weight.grad, with_bridge)


def test_under_no_grad_it_is_the_same():
    model, images = model_of().eval(), torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        without = map_of(model, images)
    assert torch.equal(without, map_of(model, images))
    assert without.abs().sum() > 0


def test_the_map_does_not_depend_on_training_or_evaluation_mode():
    """Dropout is off and normalisation uses running statistics, whatever the mode of the model."""
    model, images = model_of(), torch.rand(4, 1, 8, 8)
    guide, bridge = {"diagnosis": model.predictor("diagnosis")}, model.bridges["lungs"]
    features = (torch.zeros(4, 4, 8, 8), torch.zeros(4, 6, 4, 4))
    model.train()
    first, second = (bridge(images, features, guide)[0] for _ in range(2))
    assert torch.equal(first, second)
    model.eval()
    assert torch.equal(bridge(images, features, guide)[0], first)


def test_a_rows_map_does_not_depend_on_the_other_rows():
    model = model_of()
    model.train()
    images = torch.rand(5, 1, 8, 8)
    guide, bridge = {"diagnosis": model.predictor("diagnosis")}, model.bridges["lungs"]
    features = (torch.zeros(5, 4, 8, 8), torch.zeros(5, 6, 4, 4))
    together = bridge(images, features, guide)[0][:, -1]
    others = images.clone()
    others[1:] = torch.rand(4, 1, 8, 8) * 0.1
    torch.testing.assert_close(bridge(others, features, guide)[0][0, -1], together[0], atol=1e-6, rtol=1e-5)
    alone = bridge(images[2:3], tuple(level[2:3] for level in features), guide)[0][0, -1]
    torch.testing.assert_close(alone, together[2], atol=1e-6, rtol=1e-5)


def test_under_bf16_autocast_it_is_computed_in_float32():
    model, images = model_of(normalize="none").eval(), torch.rand(2, 1, 8, 8)
    guide, bridge = {"diagnosis": model.predictor("diagnosis")}, model.bridges["lungs"]
    features = (torch.zeros(2, 4, 8, 8), torch.zeros(2, 6, 4, 4))
    plain = bridge(images, features, guide)[0][:, -1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = bridge(images, features, guide)[0][:, -1]
        small = bridge(images, tuple(level.bfloat16() for level in features), guide)[0]
        assert model.logits("lungs", images).isfinite().all()
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, plain)
    assert small.dtype == torch.bfloat16


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (16, 6)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_stride_and_number_of_channels(size, stride, channels):
    model = model_of(channels, stride)
    images = torch.rand(2, channels, *size)
    assert model.logits("lungs", images).shape == (2, 1, *size)
    bridge = model.bridges["lungs"]
    assert bridge.pyramid.channels[bridge.level] == model.backbone.pyramid.channels[bridge.level] + channels + 1


def test_image_and_map_are_averaged_down_to_the_level():
    model, images = model_of(stride=2, normalize="none").eval(), torch.rand(2, 1, 8, 8)
    fine = map_of(model_of(stride=1, normalize="none").eval(), images)
    features = (torch.zeros(2, 4, 8, 8), torch.zeros(2, 6, 4, 4))
    joined = model.bridges["lungs"](images, features, {"diagnosis": model.predictor("diagnosis")})
    assert torch.equal(joined[0], features[0])
    torch.testing.assert_close(joined[1][:, :6], features[1])
    torch.testing.assert_close(joined[1][:, 6:7], F.avg_pool2d(images, 2))
    torch.testing.assert_close(joined[1][:, 7:], F.avg_pool2d(fine, 2))


def test_random_map_is_new_each_step_and_a_function_of_the_image_in_evaluation():
    model, images = model_of(bridge=RandomMapBridge), torch.rand(3, 1, 8, 8)
    model.train()
    assert not torch.equal(map_of(model, images), map_of(model, images))
    model.eval()
    found = map_of(model, images)
    torch.manual_seed(99)
    assert torch.equal(map_of(model, images), found)
    assert torch.equal(map_of(model, images[1:2]), found[1:2])
    assert torch.equal(map_of(model, images.flip(0)), found.flip(0))
    assert not torch.equal(found[0], found[1])
    assert ((found >= 0) & (found < 1)).all()
    assert model.bridges["lungs"].reads == frozenset()


def test_random_map_in_evaluation_leaves_the_global_generator_alone():
    model = model_of(bridge=RandomMapBridge).eval()
    before = torch.get_rng_state()
    map_of(model, torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("channels", [1, 3])
def test_image_only_adds_the_image_and_nothing_else(channels):
    model, images = model_of(channels, bridge=ImageOnlyBridge), torch.rand(2, channels, 8, 8)
    bridge = model.bridges["lungs"]
    features = (torch.rand(2, 4, 8, 8), torch.rand(2, 6, 4, 4))
    joined = bridge(images, features, {})
    torch.testing.assert_close(joined[0], torch.cat([features[0], images], 1))
    assert bridge.pyramid.channels == (4 + channels, 6)
    assert bridge.reads == frozenset()
