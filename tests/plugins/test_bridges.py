"""Grad-CAM, cross-stitch, the anatomical gate and crop, each against another way of computing it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from ssmtl import Output, Pyramid
from ssmtl.inference.network import Network
from ssmtl.model.frozen_task import FrozenTask, TaskGuide
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.testing.sample_model import SampleBackbone, SampleMasks, sample_head, sample_model
from ssmtl.testing.samples import images
from ssmtl_bridges.anatomical_crop import AnatomicalCrop
from ssmtl_bridges.anatomical_gate import AnatomicalGate
from ssmtl_bridges.cross_stitch import CrossStitch
from ssmtl_bridges.grad_cam import GradCam, activation_map

PYRAMID = SampleBackbone().pyramid


def features_of(model, rows):
    model.eval()
    return model.backbone(rows)


def test_the_activation_map_is_that_of_hooks():
    """Equations (1) and (2), by a forward hook on the deepest block and its gradient."""
    model, rows = sample_model({"diagnosis"}, "multiclass").eval(), images(5, 32)
    found = activation_map(rows, FrozenTask(model, "diagnosis", "diagnosis"))
    kept = []
    with_hook = model.backbone.blocks[-1].register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    logits = model({"diagnosis": rows})["diagnosis"]
    with_hook.remove()
    (gradient,) = torch.autograd.grad(logits.max(1).values.sum(), kept[0])
    weighted = F.relu((gradient.mean((2, 3))[:, :, None, None] * kept[0]).sum(1, keepdim=True))
    torch.testing.assert_close(found, weighted / (weighted.amax((1, 2, 3), keepdim=True) + 1e-8))
    assert found.min() >= 0
    assert found.max() <= 1
    assert not found.requires_grad


def test_grad_cam_leaves_the_classifier_without_a_gradient():
    model, rows = sample_model({"diagnosis"}, "multiclass").train(), images(3, 32)
    bridge = GradCam(PYRAMID, guided_by="diagnosis")
    features = [level.detach().requires_grad_() for level in features_of(model, rows)]
    out = bridge(rows, tuple(features), {"diagnosis": FrozenTask(model, "diagnosis", "diagnosis")})
    sum(level.sum() for level in out).backward()
    assert all(weight.grad is None for weight in model.parameters())
    assert out[3].shape[1] == features[3].shape[1] + 1
    assert out[3].shape == (3, bridge.pyramid.channels[3], 4, 4)


def stitched(own=0.9):
    """Two tasks that learn from each other."""
    torch.manual_seed(0)
    backbone = SampleBackbone(plain=True)
    heads = {"one": SampleMasks(PYRAMID), "other": SampleMasks(PYRAMID)}
    bridges = {
        "one": CrossStitch(PYRAMID, partner="other", own=own),
        "other": CrossStitch(PYRAMID, partner="one", own=own),
    }
    return MultiTaskModel(backbone, heads, bridges, {task: ([0.5], [0.25]) for task in heads})


def test_a_stitch_of_itself_alone_changes_nothing_at_first():
    model, rows = stitched(own=1.0), images(2, 32)
    plain = model.heads["one"](model.backbone((rows - 0.5) / 0.25))
    torch.testing.assert_close(model.logits("one", rows), plain)


def test_cross_stitch_is_equation_1():
    model, rows = stitched(), images(2, 32)
    for bridge in model.bridges.values():
        for layer in bridge.layers:
            torch.nn.init.normal_(layer.weight)
    encoded = model.backbone((rows - 0.5) / 0.25)
    guide = TaskGuide(model, "other", "one", "one", rows, encoded)
    found = model.bridges["one"](rows, encoded, {"other": guide})
    for place, level in enumerate(encoded):
        ours, theirs = (
            torch.einsum("oi,rihw->rohw", model.bridges[name].layers[place].weight[..., 0, 0], level)
            for name in ("one", "other")
        )
        a, b = model.bridges["one"].mixtures[place]
        torch.testing.assert_close(
            found[place], a[:, None, None] * ours + b[:, None, None] * theirs, atol=1e-4, rtol=1e-4
        )


def test_one_tasks_loss_trains_the_other_tasks_layers():
    model, rows = stitched(), images(2, 32)
    model.logits("one", rows).square().mean().backward()
    assert model.bridges["other"].layers[0].weight.grad.ne(0).any()
    assert model.bridges["other"].mixtures[0].grad is None, "the other's mixture is not in this task's path"
    assert model.heads["other"].last.weight.grad is None


def test_features_of_a_task_that_the_bridge_does_not_name_are_refused():
    model, rows = stitched(), images(2, 32)
    guide = TaskGuide(model, "one", "one", "one", rows, model.backbone(rows))
    with pytest.raises(ValueError, match="the bridge of 'one' does not name 'one' in learns_from"):
        guide.own_features()


class Inside:
    """A guide that is sure of one mask."""

    output = Output("masks", ("lung",))

    def __init__(self, logits):
        self.logits = logits

    def __call__(self, _images):
        return self.logits


@pytest.mark.parametrize("outside", [0.0, 0.25])
def test_the_gate_keeps_what_is_inside_and_attenuates_what_is_outside(outside):
    pyramid = Pyramid((2, 3), (1, 2), 1)
    features = (torch.rand(1, 2, 8, 8), torch.rand(1, 3, 4, 4))
    logits = torch.full((1, 2, 8, 8), -100.0)
    logits[:, 1, :, :4] = 100.0  # the second structure fills the left half
    gate = AnatomicalGate(pyramid, guided_by="lungs", outside=outside)
    for found, level in zip(gate(torch.rand(1, 1, 8, 8), features, {"lungs": Inside(logits)}), features, strict=True):
        half = level.shape[-1] // 2
        torch.testing.assert_close(found[..., :half], level[..., :half])
        torch.testing.assert_close(found[..., half:], outside * level[..., half:])


class Boxes:
    """A guide that predicts the same mask for every row."""

    output = Output("masks", ("lung",))

    def __init__(self, mask):
        self.mask = mask

    def __call__(self, rows):
        return torch.where(self.mask, 5.0, -5.0).expand(len(rows), 1, -1, -1)


def box(height, width, top, bottom, left, right):
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    return mask


def ramps(height, width):
    """Brightness that grows evenly downwards, and to the right; equal to a pixel's place, as a share of the side."""
    down = ((torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    across = ((torch.arange(width) + 0.5) / width)[None, :].expand(height, width)
    return torch.stack([down, across])[:, None]


@given(
    st.sampled_from([(32, 32), (32, 48)]), st.integers(0, 10), st.integers(18, 32), st.integers(0, 10),
    st.integers(18, 32), st.sampled_from([0.0, 0.1]),
)  # fmt: skip
def test_the_crop_shows_the_box_at_the_size_of_the_image(size, top, bottom, left, right, margin):
    rows = ramps(*size)
    crop = AnatomicalCrop(PYRAMID, guided_by="lungs", margin=margin)
    shown = crop.look(rows, {"lungs": Boxes(box(*size, top, bottom, left, right))})
    expected = []
    for low, high, side in ((top, bottom, size[0]), (left, right, size[1])):
        more = margin * (high - low)
        low, high = max(low - more, 0), min(high + more, side)
        expected.append((low + (torch.arange(side) + 0.5) / side * (high - low)) / side)
    inner = slice(2, -2)  # at the border of the image nothing is known beyond the middle of the last pixel
    torch.testing.assert_close(shown[0, 0, :, 0][inner], expected[0][inner], atol=1e-5, rtol=0)
    torch.testing.assert_close(shown[1, 0, 0, :][inner], expected[1][inner], atol=1e-5, rtol=0)


def test_without_structures_the_image_is_shown_whole_and_a_stray_pixel_moves_no_edge():
    rows, crop = images(3, 32), AnatomicalCrop(PYRAMID, guided_by="lungs", margin=0.0)
    for none in (box(32, 32, 0, 0, 0, 0), box(32, 32, 4, 8, 4, 8)):
        torch.testing.assert_close(crop.look(rows, {"lungs": Boxes(none)}), rows)
    found, stray = box(64, 64, 10, 50, 10, 50), box(64, 64, 10, 50, 10, 50)
    stray[0, 63] = True
    rows = images(3, 64)
    kept = crop.look(rows, {"lungs": Boxes(found)})
    assert torch.equal(crop.look(rows, {"lungs": Boxes(stray)}), kept)
    assert not torch.equal(kept, rows)


class CentreMasks(SampleMasks):
    """Lungs in the middle of any image, besides what the features say."""

    def forward(self, features):
        pixels = super().forward(features)
        return pixels.sigmoid() + torch.where(box(*pixels.shape[2:], 6, 26, 8, 30), 5.0, -5.0)


def test_a_classifier_is_a_function_of_its_crop_and_masks_are_not():
    """By hand: the crop, then encoder and head; what is outside changes nothing but by way of the box."""
    torch.manual_seed(0)
    bridge = AnatomicalCrop(PYRAMID, guided_by="lungs", least=0.0)
    heads = {"diagnosis": sample_head("multiclass", PYRAMID), "lungs": CentreMasks(PYRAMID)}
    normalize = {task: ([0.5], [0.25]) for task in heads}
    model = MultiTaskModel(SampleBackbone(plain=True), heads, {"diagnosis": bridge}, normalize).eval()
    rows = images(4, 32)
    shown = bridge.look(rows, {"lungs": FrozenTask(model, "lungs", "diagnosis")})
    assert not torch.equal(shown, rows)
    expected = heads["diagnosis"](model.backbone((shown - 0.5) / 0.25))
    both = model({"diagnosis": rows, "lungs": rows})
    torch.testing.assert_close(both["diagnosis"], expected)
    torch.testing.assert_close(model.logits("diagnosis", rows), expected)
    torch.testing.assert_close(both["lungs"], heads["lungs"](model.backbone((rows - 0.5) / 0.25)))
    network = Network([model], {task: head.output for task, head in heads.items()})
    torch.testing.assert_close(network(rows)["diagnosis"], heads["diagnosis"].output.probabilities(expected))
    both["diagnosis"].sum().backward()
    assert heads["lungs"].last.weight.grad is None
    assert model.looks("diagnosis")
    assert not model.looks("lungs")
