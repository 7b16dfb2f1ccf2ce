"""Class weights, the focal loss and exclusive structures, against other implementations."""

import kornia
import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from ssmtl.builtins.cross_entropy import CrossEntropy
from ssmtl.builtins.soft_dice import SoftDice
from ssmtl.contracts.head import Output
from ssmtl.contracts.task_facts import TaskFacts
from ssmtl.contracts.view import Batch, View
from ssmtl.errors import DataError
from ssmtl.testing.sample_outputs import facts as sample_facts

CLASSES = Output("multiclass", ("a", "b", "c"))
FINDINGS = Output("multilabel", ("a", "b", "c"))
ORGANS = Output("masks", ("lung", "heart"))
EXCLUSIVE = Output("masks", ("lung", "heart"), exclusive=True)
WEAK = View("labeled", "weak")
NAN = float("nan")


def loss(strategy, logits, targets):
    return strategy.loss(Batch({}, {WEAK: targets}, {}), {WEAK: logits}, 0.5)


def facts(output, counts, known):
    plain = sample_facts(output, {"labeled": 10, "unlabeled": 10})
    fields = {name: getattr(plain, name) for name in TaskFacts.__dataclass_fields__}
    return TaskFacts(**fields | {"class_counts": torch.tensor(counts), "known_counts": torch.tensor(known)})


@given(counts=st.lists(st.integers(1, 500), min_size=3, max_size=3))
def test_balanced_classes_weigh_alike_and_an_image_weighs_one_on_average(counts):
    strategy = CrossEntropy(CLASSES, class_weights="balanced")
    strategy.begin(facts(CLASSES, counts, [sum(counts)] * 3))
    total = strategy.weights.double().numpy() * counts
    assert total == pytest.approx([sum(counts) / 3] * 3, rel=1e-5)


def test_a_balanced_label_weighs_as_much_present_as_absent():
    strategy = CrossEntropy(FINDINGS, class_weights="balanced")
    strategy.begin(facts(FINDINGS, [5, 1, 4], [10, 4, 40]))
    assert strategy.weights.tolist() == [1.0, 3.0, 9.0]


@pytest.mark.parametrize(
    ("output", "counts", "known", "message"),
    [
        (CLASSES, [4, 0, 3], [7] * 3, "task 'task': class_weights: balanced: none of the labelled .* the class 'b'"),
        (FINDINGS, [4, 2, 3], [7, 2, 7], "balanced: all of the labelled .* the class 'b'"),
    ],
)
def test_classes_that_cannot_be_balanced(output, counts, known, message):
    with pytest.raises(DataError, match=message):
        CrossEntropy(output, class_weights="balanced").begin(facts(output, counts, known))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weighted_cross_entropy_is_that_of_torch_up_to_its_denominator(smoothing):
    logits, labels, weights = torch.randn(20, 3), torch.randint(3, (20,)), (0.5, 1.0, 3.0)
    found = loss(CrossEntropy(CLASSES, class_weights=weights, label_smoothing=smoothing), logits, labels)
    mean = F.cross_entropy(logits, labels, torch.tensor(weights), label_smoothing=smoothing)
    assert torch.isclose(found, mean * torch.tensor(weights)[labels].mean())


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (0.5, 0.7), (0.0, 0.5)])
def test_the_focal_loss_of_labels_is_that_of_torchvision(gamma, alpha):
    logits, labels = torch.randn(20, 3) * 3, torch.randint(2, (20, 3)).float()
    ours = CrossEntropy(FINDINGS, focal=gamma, class_weights=(alpha / (1 - alpha),) * 3)
    theirs = torchvision.ops.sigmoid_focal_loss(logits, labels, alpha, gamma, reduction="mean")
    assert torch.isclose((1 - alpha) * loss(ours, logits, labels), theirs, rtol=1e-4)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_the_focal_loss_of_classes_is_that_of_kornia(gamma):
    logits, labels = torch.randn(20, 3) * 3, torch.randint(3, (20,))
    theirs = kornia.losses.focal_loss(logits, labels, alpha=None, gamma=gamma, reduction="none").sum(1).mean()
    assert torch.isclose(loss(CrossEntropy(CLASSES, focal=gamma), logits, labels), theirs, rtol=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_the_loss_of_masks_is_that_of_segmentation_models(gamma):
    logits, masks = torch.randn(3, 2, 8, 8), torch.randint(2, (3, 2, 8, 8)).float()
    theirs = smp.losses.FocalLoss("multilabel", gamma=gamma)(logits, masks)
    assert torch.isclose(loss(CrossEntropy(ORGANS, focal=gamma), logits, masks), theirs, rtol=1e-4)


def exclusive_masks(rows, seed=0):
    """Indices, 0 for the background, and the same as masks."""
    index = torch.randint(3, (rows, 8, 8), generator=torch.Generator().manual_seed(seed))
    return index, torch.stack([index == 1, index == 2], 1).float()


def test_exclusive_structures_are_a_softmax_with_the_background():
    index, masks = exclusive_masks(3)
    logits = torch.randn(3, 2, 8, 8)
    every = torch.cat([torch.zeros(3, 1, 8, 8), logits], 1)
    assert torch.isclose(loss(CrossEntropy(EXCLUSIVE), logits, masks), F.cross_entropy(every, index))
    theirs = smp.losses.DiceLoss("multiclass", classes=[1, 2], smooth=0.5)(every, index)
    assert torch.isclose(loss(SoftDice(EXCLUSIVE, over="batch"), logits, masks), theirs, rtol=1e-4)
    probabilities = EXCLUSIVE.probabilities(logits)
    assert ((probabilities > 0.5).sum(1) <= 1).all()
    assert torch.allclose(probabilities, every.softmax(1)[:, 1:])


def test_where_a_structure_is_not_known_the_background_may_be_it():
    _, masks = exclusive_masks(2)
    masks[0, 1] = NAN
    logits = torch.randn(2, 2, 8, 8, requires_grad=True)
    found = loss(CrossEntropy(EXCLUSIVE), logits, masks)
    chances = torch.cat([torch.zeros(2, 1, 8, 8), logits], 1).softmax(1).detach().double().numpy()
    own = np.zeros((2, 8, 8))
    for row, y, x in np.ndindex(2, 8, 8):
        background, lung, heart = chances[row, :, y, x]
        if masks[row, 0, y, x] == 1:
            own[row, y, x] = -np.log(lung)
        elif row == 0:
            own[row, y, x] = -np.log(background + heart)
        else:
            own[row, y, x] = -np.log(heart if masks[row, 1, y, x] == 1 else background)
    assert found.item() == pytest.approx(own.mean(), rel=1e-5)
    found.backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        (CLASSES, {"class_weights": (1.0, 2.0)}, r"class_weights has 2 values for 3 classes \(a, b, c\)"),
        (ORGANS, {"class_weights": "balanced"}, "class_weights are for labels"),
        (CLASSES, {"focal": 2.0, "label_smoothing": 0.1}, "does not go with focal"),
        (EXCLUSIVE, {"label_smoothing": 0.1}, "does not go with exclusive structures"),
    ],
)
def test_options_that_do_not_fit(output, options, message):
    with pytest.raises(ValueError, match=message):
        CrossEntropy(output, **options)
