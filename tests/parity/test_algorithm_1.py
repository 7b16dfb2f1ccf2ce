"""The fused training step against separate passes, and against Algorithm 1 of the paper in plain PyTorch."""

import copy

import pytest
import torch
from small_multimix import CONFIDENT, NO_DROPOUT, state_of
from torch.nn import functional as F

from ssmtl import View
from ssmtl.training.engine import training_step
from ssmtl.training.render import Shard, render

LABELED_WEAK, UNLABELED_WEAK = View("labeled", "weak"), View("unlabeled", "weak")
STRONG = View("unlabeled", "strong")
STEP = 3
BRIDGE_LEVEL = 3
CASES = {
    "as shipped": (),
    "every pseudo-label": (CONFIDENT,),
    "the saliency as published": (CONFIDENT, "tasks.lungs.bridge.normalize=none"),
    "more unlabelled rows": (CONFIDENT, "tasks.diagnosis.unlabeled_batch=7", "tasks.lungs.unlabeled_batch=6"),
}


def rendered(state, step=STEP):
    """The views of each task, as the engine renders them."""
    seed, device = state.experiment.recipe.seed, torch.device("cpu")
    return {
        task.name: render(task, state.data[task.name], seed, step, device, Shard())[0]
        for task in state.experiment.tasks
    }


def stepped(*overrides):
    """The learner before and after one step, and the step's numbers."""
    state = state_of(*NO_DROPOUT, *overrides)
    before = copy.deepcopy(state.experiment.model)
    numbers = training_step(state, STEP)
    return state, before, numbers


def close(model, gradients, losses, numbers, tolerance=1e-5):
    for name, loss in losses.items():
        torch.testing.assert_close(loss, numbers.losses[name], atol=tolerance, rtol=tolerance, msg=name)
    largest = max(parameter.grad.abs().max() for parameter in model.parameters())
    assert largest > 1e-3, "nothing to compare"
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, atol=tolerance * max(1, largest.item()), rtol=1e-4)


def gradients_of(model, total):
    model.zero_grad()
    total.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("case", CASES)
def test_the_fused_step_is_separate_passes_of_each_view(case):
    state, model, numbers = stepped(*CASES[case])
    model.train()
    losses, total = {}, 0.0
    for task in state.experiment.tasks:
        batch = rendered(state)[task.name]

        def predict(images, *, weights, training, task=task):
            assert (weights, training) == ("student", True)
            return model.logits(task.name, images)

        for term in task.terms:
            with torch.no_grad():
                own = term.strategy.prepare(batch.keep(term.strategy.views), predict)
            outputs = {view: model.logits(task.name, images) for view, images in own.images.items()}
            loss = term.strategy.loss(own, outputs, 0.0)
            losses[f"{task.name}.{term.name}"] = loss.detach()
            total = total + term.entry.weight_at(0.0) * loss
    torch.testing.assert_close(total.detach(), numbers.total, atol=1e-5, rtol=1e-5)
    close(state.experiment.model, gradients_of(model, total), losses, numbers)


class PlainMultiMix:
    """Tables 4 and 5, equations (1) to (5) and Algorithm 1 in plain PyTorch; only the weights are the model's."""

    def __init__(self, model, normalized):
        self.weights = dict(model.named_parameters())
        self.normalized = normalized

    def block(self, name, inputs):
        for place in (0, 3):
            weight, bias = (self.weights[f"{name}.{place}.{kind}"] for kind in ("weight", "bias"))
            inputs = F.leaky_relu(F.instance_norm(F.conv2d(inputs, weight, bias, padding=1)), 0.2)
        return inputs

    def encode(self, images):
        levels, inputs = [], (images - 0.5) / 0.25
        for place in range(5):
            levels.append(self.block(f"backbone.blocks.{place}", inputs))
            inputs = F.max_pool2d(levels[-1], 2)
        return levels

    def classify(self, images):
        pooled = F.max_pool2d(self.encode(images)[-1], 2).mean((2, 3))
        weight, bias = (self.weights[f"heads.diagnosis.linear.{kind}"] for kind in ("weight", "bias"))
        return pooled @ weight.T + bias

    def saliency(self, images):
        """Equation (3), one image at a time."""
        maps = []
        for image in images:
            pixels = image[None].clone().requires_grad_()
            (gradient,) = torch.autograd.grad(self.classify(pixels).max(), pixels)
            gradient = gradient.abs()
            maps.append(gradient / (gradient.max() + 1e-8) if self.normalized else gradient)
        return torch.cat(maps).detach()

    def segment(self, images):
        """Equation (4) and the decoder; b joins the first block's input at the size of its output."""
        levels = self.encode(images)
        beside = F.avg_pool2d(torch.cat([images, self.saliency(images)], 1), 2**BRIDGE_LEVEL)
        merged = levels[4]
        for place, skip in enumerate((3, 2, 1, 0)):
            merged = F.interpolate(merged, scale_factor=2, mode="bilinear", align_corners=False)
            parts = [merged, levels[skip], beside] if skip == BRIDGE_LEVEL else [merged, levels[skip]]
            merged = self.block(f"heads.lungs.blocks.{place}", torch.cat(parts, 1))
        weight, bias = (self.weights[f"heads.lungs.last.{kind}"] for kind in ("weight", "bias"))
        return F.conv2d(merged, weight, bias)

    def losses(self, diagnosis, lungs, threshold):
        """One step of Algorithm 1, given the augmented images."""
        predicted = self.classify(diagnosis.images[LABELED_WEAK]).log_softmax(1)
        cross_entropy = -predicted[range(len(predicted)), diagnosis.targets[LABELED_WEAK]].mean()

        with torch.no_grad():
            confidence, pseudo = self.classify(diagnosis.images[UNLABELED_WEAK]).softmax(1).max(1)
        strong = self.classify(diagnosis.images[STRONG]).log_softmax(1)
        chosen = -strong[range(len(strong)), pseudo]
        pseudo_label = chosen[confidence >= threshold].sum() / len(strong)

        masks, labeled = lungs.targets[LABELED_WEAK], self.segment(lungs.images[LABELED_WEAK]).sigmoid()
        dice = []
        for mask, foreground in zip(masks, labeled, strict=True):
            dice.append((2 * (mask * foreground).sum() + 1) / (mask.sum() + foreground.sum() + 1))
        soft_dice = 1 - torch.stack(dice).mean()

        unlabeled = self.segment(lungs.images[UNLABELED_WEAK]).sigmoid()[: len(labeled)]
        inside = labeled * (labeled / unlabeled).log()
        outside = (1 - labeled) * ((1 - labeled) / (1 - unlabeled)).log()
        divergence = (inside + outside).mean()
        return {
            "diagnosis.cross_entropy": cross_entropy,
            "diagnosis.fixmatch": pseudo_label,
            "lungs.soft_dice": soft_dice,
            "lungs.kl_consistency": divergence,
        }


@pytest.mark.parametrize("case", CASES)
def test_the_fused_step_is_algorithm_1(case):
    state, model, numbers = stepped(*CASES[case])
    views = rendered(state)
    threshold = 0.5 if CONFIDENT in CASES[case] else 0.7
    normalized = "tasks.lungs.bridge.normalize=none" not in CASES[case]
    losses = PlainMultiMix(model, normalized).losses(views["diagnosis"], views["lungs"], threshold)
    weights = {
        "diagnosis.cross_entropy": 1.0,
        "diagnosis.fixmatch": 0.25,
        "lungs.soft_dice": 5.0,
        "lungs.kl_consistency": 0.01,
    }
    total = sum(weights[name] * loss for name, loss in losses.items())
    assert set(losses) == set(numbers.losses)
    torch.testing.assert_close(total.detach(), numbers.total, atol=1e-5, rtol=1e-5)
    found = {name: loss.detach() for name, loss in losses.items()}
    close(state.experiment.model, gradients_of(model, total), found, numbers)
    if threshold == 0.5:
        assert losses["diagnosis.fixmatch"] > 0


def test_the_step_moves_the_weights_as_adam_does():
    state, model, _ = stepped(CONFIDENT)
    gradients = {name: parameter.grad for name, parameter in state.experiment.model.named_parameters()}
    for name, parameter in model.named_parameters():
        parameter.grad = gradients[name].clone()
    torch.optim.Adam(model.parameters(), 0.01).step()
    for name, parameter in state.experiment.model.named_parameters():
        torch.testing.assert_close(parameter, dict(model.named_parameters())[name])


def test_one_encoder_pass_over_the_rows_that_need_a_gradient():
    state = state_of(*NO_DROPOUT, CONFIDENT, "train.micro_batch=off")
    passes = []

    def record(module, inputs, _output):
        passes.append((len(inputs[0]), module.training, torch.is_grad_enabled()))

    state.experiment.model.backbone.register_forward_hook(record)
    numbers = training_step(state, 0)
    teacher, fused, saliency = (4, True, False), (16, True, True), (8, False, True)
    assert passes == [teacher, fused, saliency]
    assert numbers.rows == 16
