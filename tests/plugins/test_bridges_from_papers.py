"""SmoothGrad, NDDR, PAD-Net and MTAN, each against its formula, and traced as an exported file has them."""

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import nn
from torch.func import functional_call

from ssmtl import input_gradient
from ssmtl.exports.program import _traced
from ssmtl.model.frozen_task import FrozenTask, TaskGuide
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.testing.sample_model import SampleBackbone, SampleMasks, sample_head, sample_model
from ssmtl.testing.samples import images
from ssmtl_bridges.mtan import AttentionMasks
from ssmtl_bridges.nddr import DiscriminativeReduction
from ssmtl_bridges.pad_net import PadNet
from ssmtl_bridges.smooth_grad import SIDE, SmoothGrad, smooth_gradient

PYRAMID = SampleBackbone().pyramid
CLOSE = {"atol": 1e-4, "rtol": 1e-3}


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def convolved(layer, features):
    """By SciPy, in double precision."""
    weight, features = layer.weight.detach().double().numpy(), np.asarray(features, dtype=np.float64)
    result = np.zeros((len(features), len(weight), *features.shape[2:]))
    for row, out in np.ndindex(result.shape[:2]):
        for place, kernel in enumerate(weight[out]):
            result[row, out] += ndimage.correlate(features[row, place], kernel, mode="constant")
    return result + layer.bias.detach().double().numpy()[:, None, None]


# SmoothGrad


def test_smooth_grad_is_the_mean_gradient_of_noisy_copies():
    """One copy after another; the class is that of the clean image."""
    model, rows = sample_model({"diagnosis"}, "multiclass").eval(), images(4, 32)
    guide, noise = FrozenTask(model, "diagnosis", "diagnosis"), 0.3 * torch.randn(5, 1, 32, 32)
    found = smooth_gradient(rows, guide, noise)
    for row, map_of_row in zip(rows, found, strict=True):
        chosen = model.logits("diagnosis", row[None]).argmax().item()
        total = torch.zeros(1, 32, 32)
        for one in noise:
            noisy = (row + (row.max() - row.min()) * one).requires_grad_()
            model.logits("diagnosis", noisy[None])[0, chosen].backward()
            total += noisy.grad
        torch.testing.assert_close(map_of_row, (total / len(noise)).abs(), atol=1e-6, rtol=1e-3)
    assert not found.requires_grad


def test_without_noise_it_is_the_plain_gradient():
    model, rows = sample_model({"diagnosis"}, "multiclass").eval(), images(3, 32)
    guide = FrozenTask(model, "diagnosis", "diagnosis")
    none = smooth_gradient(rows, guide, torch.zeros(3, 1, 32, 32))
    torch.testing.assert_close(none, input_gradient(rows, guide, None))


def test_the_noise_is_normal_and_tiled_and_the_same_for_all():
    bridge = SmoothGrad(PYRAMID, guided_by="diagnosis", samples=6)
    assert stats.kstest(bridge.unit_noise.flatten().numpy(), "norm").pvalue > 1e-3
    tiled = bridge._tiled(torch.zeros(2, 1, 80, 40))
    assert tiled.shape == (6, 1, 80, 40)
    assert torch.equal(tiled[:, :, SIDE:], tiled[:, :, : 80 - SIDE])
    assert "unit_noise" not in bridge.state_dict()


def test_smooth_grad_repeats_in_training_and_leaves_the_classifier_alone():
    model, rows = sample_model({"diagnosis"}, "multilabel").train(), images(3, 32)
    bridge = SmoothGrad(PYRAMID, guided_by="diagnosis", samples=2)
    encoded = model.eval().backbone(rows)
    guides = {"diagnosis": FrozenTask(model.train(), "diagnosis", "diagnosis")}
    first, second = (bridge.train(training)(rows, encoded, guides) for training in (True, False))
    assert torch.equal(first[3], second[3])
    assert first[3][:, -1].amax((1, 2)).gt(0).all()
    assert all(weight.grad is None for weight in model.parameters())


# Bridges that exchange features


def exchanging(make, **options):
    """Two tasks that learn from each other, with random layers."""
    torch.manual_seed(0)
    heads = {"one": SampleMasks(PYRAMID), "other": SampleMasks(PYRAMID)}
    bridges = {"one": make(PYRAMID, partner="other", **options), "other": make(PYRAMID, partner="one", **options)}
    model = MultiTaskModel(
        SampleBackbone(plain=True), heads, bridges, {task: ([0.5], [0.25]) for task in ("one", "other")}
    )
    for bridge in bridges.values():
        for layer in bridge.layers:
            nn.init.normal_(layer.weight)
    return model


def sides(make, **options):
    """What the bridge of 'one' makes of some rows, and by level what goes in: its own features, and the other's."""
    model, rows = exchanging(make, **options), images(2, 32)
    encoded = model.backbone((rows - 0.5) / 0.25)
    found = model.bridges["one"](rows, encoded, {"other": TaskGuide(model, "other", "one", "one", rows, encoded)})
    levels = [level.detach().double().numpy() for level in encoded]
    weights = {
        name: [layer.weight.detach().double().numpy()[..., 0, 0] for layer in model.bridges[name].layers]
        for name in ("one", "other")
    }
    own, other = (
        [np.einsum("oi,rihw->rohw", weight, level) for weight, level in zip(weights[name], levels, strict=True)]
        for name in ("one", "other")
    )
    return model.bridges["one"], found, own, other


@pytest.mark.parametrize("trained", [False, True])
def test_nddr_starts_as_the_weighted_sum_and_is_one_convolution_of_both(trained):
    bridge, found, own, other = sides(DiscriminativeReduction, own=0.8)
    if trained:
        torch.manual_seed(1)
        for layer in bridge.reductions:
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
        for level, (ours, theirs) in enumerate(zip(own, other, strict=True)):
            given = torch.from_numpy(ours).float(), torch.from_numpy(theirs).float()
            expected = convolved(bridge.reductions[level], np.concatenate([ours, theirs], axis=1))
            np.testing.assert_allclose(bridge.mixed(level, *given).detach(), expected, **CLOSE)
        return
    for level, ours, theirs in zip(found, own, other, strict=True):
        np.testing.assert_allclose(level.detach(), 0.8 * ours + 0.2 * theirs, **CLOSE)


def test_pad_net_adds_the_message_where_the_gate_is_open():
    bridge, found, own, other = sides(PadNet)
    for level in range(5):
        gate = sigmoid(convolved(bridge.gates[level], own[level]))
        expected = own[level] + gate * convolved(bridge.messages[level], other[level])
        np.testing.assert_allclose(found[level].detach(), expected, **CLOSE)


@pytest.mark.parametrize("make", [DiscriminativeReduction, PadNet])
def test_one_tasks_loss_trains_the_other_tasks_layers(make):
    model, rows = exchanging(make), images(2, 32)
    model.logits("one", rows).square().mean().backward()
    assert model.bridges["other"].layers[0].weight.grad.ne(0).any()
    assert model.heads["other"].last.weight.grad is None


# Attention


def test_mtan_masks_each_level_by_it_and_the_finer_one():
    bridge, pyramid = AttentionMasks(PYRAMID), PYRAMID
    features = tuple(
        torch.randn(2, channels, 32 // stride, 32 // stride)
        for channels, stride in zip(pyramid.channels, pyramid.strides, strict=True)
    )
    found, before = bridge(images(2, 32), features, {}), None
    for place, level in enumerate(features):
        seen = level.double().numpy()
        if place:
            finer = np.maximum(convolved(bridge.finer[place - 1], before), 0)
            blocks = finer.reshape(*finer.shape[:2], finer.shape[2] // 2, 2, finer.shape[3] // 2, 2)
            seen = np.concatenate([seen, blocks.max((3, 5))], axis=1)
        mask = sigmoid(convolved(bridge.masks[place], np.maximum(convolved(bridge.mixes[place], seen), 0)))
        before = mask * level.double().numpy()
        np.testing.assert_allclose(found[place].detach(), before, **CLOSE)
        assert found[place].abs().le(level.abs()).all()


# Exported


class OneTask(nn.Module):
    """The logits of one task, by name, as the exporter traces them."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return {"one": self.model.logits("one", images)}


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (AttentionMasks, {}),
        (DiscriminativeReduction, {"partner": "other"}),
        (PadNet, {"partner": "other"}),
        (SmoothGrad, {"guided_by": "other", "samples": 2}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_traced_network_says_the_same_for_any_batch(make, options):
    torch.manual_seed(0)
    backbone, bridge = SampleBackbone(plain=True), make(PYRAMID, **options)
    heads = {"one": sample_head("multiclass", bridge.pyramid), "other": sample_head("multiclass", PYRAMID)}
    model = MultiTaskModel(backbone, heads, {"one": bridge}, {task: ([0.5], [0.25]) for task in heads}).eval()
    module = OneTask(model)
    with torch.no_grad():
        traced = _traced(module, images(2, 32))
        for rows in (1, 5):
            (found,) = traced(images(rows, 32))
            expected = functional_call(module, {}, (images(rows, 32),))["one"]
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
