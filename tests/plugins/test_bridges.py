"""Grad-CAM, cross-stitch and the anatomical gate, each against another way of computing it."""

import pytest
import torch
from torch.nn import functional as F

from ssmtl import Output, Pyramid
from ssmtl.model.frozen_task import FrozenTask, TaskGuide
from ssmtl.model.multi_task_model import MultiTaskModel
from ssmtl.testing.sample_model import SampleBackbone, SampleMasks, sample_model
from ssmtl.testing.samples import images
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
