"""Labels and structures of which nothing is known: no loss, no score, and no loss of what is known beside them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_examples import example
from torch.nn import functional as F
from torchmetrics.functional import classification

from ssmtl.builtins.cross_entropy import CrossEntropy
from ssmtl.builtins.soft_dice import SoftDice
from ssmtl.contracts.head import Output
from ssmtl.contracts.known import mean_of_known
from ssmtl.contracts.view import Batch, View
from ssmtl.data.budget import choose, is_labeled
from ssmtl.data.identity import ImageIdentity, identities_of
from ssmtl.data.parts import parts_of
from ssmtl.data.pool import examples_of
from ssmtl.data.rows import rows_of
from ssmtl.data.targets import targets_of
from ssmtl.errors import DataError
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.score import score
from ssmtl.evaluation.worst import severity
from ssmtl.recipe.models import SourceEntry
from ssmtl_metrics.accuracy import Accuracy
from ssmtl_metrics.auroc import AUROC
from ssmtl_metrics.balanced_accuracy import BalancedAccuracy
from ssmtl_metrics.empty_masks import EmptyMasks
from ssmtl_metrics.f1 import F1
from ssmtl_metrics.hausdorff import AverageHausdorff
from ssmtl_metrics.overlap import Dice, Jaccard, Precision, Recall
from ssmtl_metrics.ssim import SSIM

FINDINGS = Output("multilabel", ("a", "b", "c"))
ORGANS = Output("masks", ("lung", "heart"))
WEAK = View("labeled", "weak")
NAN = float("nan")


def loss(strategy, logits, targets):
    return strategy.loss(Batch({}, {WEAK: targets}, {}), {WEAK: logits}, 0.5)


def some_known(seed, rows, names):
    """Labels of which about half are unknown, in every row at least one known."""
    rng = np.random.default_rng(seed)
    unknown = rng.random((rows, names)) < 0.5
    unknown[np.arange(rows), rng.integers(0, names, rows)] = False
    labels = (rng.random((rows, names)) < 0.5).astype(np.float32)
    return np.where(unknown, np.nan, labels).astype(np.float32)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 6), smoothing=st.sampled_from([0.0, 0.2]))
def test_cross_entropy_is_the_mean_over_images_of_the_mean_over_known_labels(seed, rows, smoothing):
    labels = some_known(seed, rows, 3)
    logits = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed % 2**31)).requires_grad_()
    found = loss(CrossEntropy(FINDINGS, label_smoothing=smoothing), logits, torch.from_numpy(labels))
    own = []
    for row, chances in zip(labels, 1 / (1 + np.exp(-logits.detach().double().numpy())), strict=True):
        wanted = [(1 - smoothing) * label + smoothing / 2 for label in row]
        terms = [w * np.log(p) + (1 - w) * np.log(1 - p) for w, p in zip(wanted, chances, strict=True)]
        own.append(-np.mean([term for term, label in zip(terms, row, strict=True) if not np.isnan(label)]))
    assert found.item() == pytest.approx(np.mean(own), rel=1e-5)
    found.backward()
    assert torch.equal(logits.grad != 0, ~torch.from_numpy(labels).isnan())


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31 - 1), over=st.sampled_from(["image", "batch"]))
def test_dice_leaves_out_a_structure_without_a_mask(seed, over):
    generator = torch.Generator().manual_seed(seed)
    masks = (torch.rand(4, 2, 6, 6, generator=generator) > 0.5).float()
    masks[torch.from_numpy(np.isnan(some_known(seed, 4, 2)))] = NAN
    masks[0, :, 0, 0] = NAN  # pixels, beside what is known
    logits = torch.randn(4, 2, 6, 6, generator=generator).requires_grad_()
    found = loss(SoftDice(ORGANS, over=over), logits, masks)
    chances, truth = torch.sigmoid(logits).detach().double().numpy(), masks.double().numpy()

    def dice(p, g):
        known = ~np.isnan(g)
        return (2 * (p[known] * g[known]).sum() + 1) / (p[known].sum() + g[known].sum() + 1) if known.any() else NAN

    if over == "batch":
        values = np.nanmean([dice(chances[:, name], truth[:, name]) for name in range(2)])
    else:
        each = [[dice(chances[row, name], truth[row, name]) for name in range(2)] for row in range(4)]
        values = np.nanmean(each, axis=1).mean()
    assert found.item() == pytest.approx(1 - values, abs=1e-5)
    found.backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[masks.isnan()] == 0).all()


def test_an_image_of_which_nothing_is_known_teaches_nothing():
    logits = torch.randn(2, 2, 4, 4, requires_grad=True)
    found = loss(SoftDice(ORGANS, smooth=0.0), logits, torch.full((2, 2, 4, 4), NAN))
    found.backward()
    assert found == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (64, 14), (1000, 5)])
def test_what_is_wholly_known_keeps_its_loss_bit_for_bit(shape):
    values = torch.randn(*shape)
    assert torch.equal(mean_of_known(values, torch.ones_like(values, dtype=torch.bool)), values.mean())
    labels = (torch.rand(*shape) > 0.5).float()
    output = Output("multilabel", tuple(map(str, range(shape[1]))))
    assert torch.equal(loss(CrossEntropy(output), values, labels), F.binary_cross_entropy_with_logits(values, labels))


PEERS = {
    "f1": (F1, classification.binary_f1_score),
    "auroc": (AUROC, classification.binary_auroc),
    "accuracy": (Accuracy, classification.binary_accuracy),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("seed", range(5))
def test_each_label_is_scored_on_the_images_of_which_it_is_known(name, seed):
    ours, theirs = PEERS[name]
    targets = torch.from_numpy(some_known(seed, 60, 3))
    chances = torch.rand(60, 3, generator=torch.Generator().manual_seed(seed))
    known = [~targets[:, place].isnan() for place in range(3)]
    peer = [theirs(chances[one, at], targets[one, at].int()).item() for at, one in enumerate(known)]
    found = ours(FINDINGS)(chances, targets)
    if name == "accuracy":  # one value per image
        right = ((chances > 0.5) == (targets > 0.5)).double().where(~targets.isnan(), NAN)
        assert torch.allclose(found["accuracy"].double(), right.nanmean(1))
        assert torch.allclose(right.nanmean(0), torch.tensor(peer, dtype=torch.float64))
    else:
        assert [found[f"{name}_{label}"].item() for label in "abc"] == pytest.approx(peer, abs=1e-6)
        assert found[name].item() == pytest.approx(np.mean(peer), abs=1e-6)


def test_balanced_accuracy_of_known_labels():
    targets = torch.tensor([[1.0, NAN], [0.0, 1.0], [NAN, 0.0], [1.0, NAN]])
    chances = torch.tensor([[0.9, 0.9], [0.9, 0.9], [0.9, 0.1], [0.1, 0.1]])
    found = BalancedAccuracy(Output("multilabel", ("a", "b")))(chances, targets)
    assert found["balanced_accuracy"].item() == pytest.approx(((1 / 2 + 0) / 2 + 1) / 2)


@pytest.mark.parametrize("metric", [Dice, Jaccard, Precision, Recall, AverageHausdorff, SSIM])
def test_each_structure_is_scored_on_the_images_that_have_its_mask(metric):
    generator = torch.Generator().manual_seed(1)
    chances = torch.rand(3, 2, 16, 16, generator=generator)
    truth = (torch.rand(3, 2, 16, 16, generator=generator) > 0.5).float()
    truth[1, 0], chances[1, 0] = NAN, 0
    found = metric(ORGANS)(chances, truth)
    name = next(iter(found))
    heart = metric(Output("masks", ("heart",)))(chances[:, 1:], truth[:, 1:])[name]
    lung = metric(Output("masks", ("lung",)))(chances[[0, 2], :1], truth[[0, 2], :1])[name]
    assert torch.allclose(found[f"{name}_heart"], heart)
    assert found[f"{name}_lung"][1].isnan()
    assert torch.allclose(found[f"{name}_lung"][[0, 2]], lung)
    assert torch.allclose(found[name], torch.stack([(heart[0] + lung[0]) / 2, heart[1], (heart[2] + lung[1]) / 2]))


def test_an_unknown_mask_is_no_empty_mask():
    truth = torch.zeros(2, 2, 16, 16)
    truth[0, 0] = NAN
    found = EmptyMasks(ORGANS)(torch.zeros(2, 2, 16, 16), truth)
    assert found["both_empty"] == found["empty_reference"] == 3
    images = Predictions(("a", "b"), ("p", "q"), torch.ones(2, 2, 16, 16), truth)
    assert severity("masks", images).tolist() == [1.0, 1.0]


class TaskOf:
    def __init__(self, **metrics):
        self.metrics = metrics


def test_the_mean_over_images_leaves_out_those_of_which_a_structure_is_not_known():
    truth = torch.ones(3, 2, 4, 4)
    truth[0, 0] = NAN
    chances = torch.ones(3, 2, 4, 4)
    chances[0, 0] = chances[1, 0] = 0
    images = Predictions(("a", "b", "c"), ("p", "q", "r"), chances, truth)
    assert score(TaskOf(dice=Dice(ORGANS)), [images]).values == {"dice": 2.5 / 3, "dice_lung": 0.5, "dice_heart": 1.0}


def test_what_is_known_is_labelled_and_what_is_not_is_no_target():
    some, none = replace(example(0, "a"), unknown=frozenset("b")), replace(example(1), labels=frozenset("a"))
    none = replace(none, labels=frozenset(), unknown=frozenset("abc"))
    assert is_labeled(some, FINDINGS)
    assert not is_labeled(none, FINDINGS)
    assert targets_of([some, none, example(2)], FINDINGS, "s").nan_to_num(7).tolist() == [[1, 7, 0], [7] * 3, [7] * 3]
    lung, both = example(3, masks=("lung",)), example(4, masks=("lung", "heart"))
    assert is_labeled(lung, ORGANS)
    assert not is_labeled(lung, Output("masks", ("heart",)))
    assert [one.id for one in choose([lung, both], "all", ORGANS, 0, "t")] == ["i3", "i4"]


@pytest.mark.parametrize("budget", [2, 5, 11])
def test_a_budget_of_masks_has_every_pattern_of_structures_and_grows_by_addition(budget):
    rows = [example(at, masks=("lung",) if at % 3 else ("lung", "heart")) for at in range(30)]
    chosen, more = (choose(rows, number, ORGANS, 0, "t") for number in (budget, budget + 3))
    assert {len(one.masks) for one in chosen} == {1, 2}
    assert {one.id for one in chosen} < {one.id for one in more}


def test_every_part_has_every_structure():
    rows = tuple(example(at, masks=("lung", "heart") if at % 10 == 0 else ("lung",)) for at in range(100))
    lacks = {one.id: "" if "heart" in one.masks else "heart" for one in rows}
    parts = parts_of("s", rows, SourceEntry(use="x"), 0, labeled=lacks)
    assert {name: sum(not lacks[one.id] for one in part) for name, part in parts.items()} == {
        "train": 6, "val": 2, "test": 2,
    }  # fmt: skip


def test_the_identity_of_an_image_of_which_all_is_known_stays():
    known = ImageIdentity("i", "p", "c", ("a",), None, "train", 0.5)
    assert known.line() == repr(("i", "p", "c", ("a",), None, "train", 0.5))
    (one,), (other,) = (identities_of([replace(example(0, "a"), unknown=frozenset(what))]) for what in ("", "b"))
    assert one.digest() != other.digest()


class Listed:
    def __init__(self, *examples):
        self._examples = examples

    def examples(self):
        return self._examples


def test_a_class_is_renamed_where_it_is_unknown_too():
    rows = replace(example(0, "a"), unknown=frozenset("bc")), replace(example(1, "b"), unknown=frozenset("a"))
    entry = SourceEntry(use="x", rename={"a": "z", "b": "z", "c": None})
    found = examples_of("s", entry, Listed(*rows))
    assert [(one.labels, one.unknown) for one in found] == [({"z"}, frozenset())] * 2


def test_a_label_that_is_no_class_is_still_refused():
    with pytest.raises(DataError, match="'q', which is not a class"):
        targets_of([replace(example(0, "q"), unknown=frozenset("b"))], FINDINGS, "s")


class Decoding:
    structures = ("heart", "lung")
    masks = np.ones((2, 2, 4, 4), np.uint8)


def test_a_missing_mask_is_unknown_not_empty():
    rows = rows_of("s", ["i0", "i1"], ORGANS, [example(0, masks=("lung", "heart")), example(1, masks=("heart",))],
                   Decoding())  # fmt: skip
    assert rows.target(slice(0, 2)).unique(dim=-1)[:, :, 0, 0].tolist() == [[1, 1], [255, 1]]
    assert rows.target(np.array([1])).unique().tolist() == [1, 255]
    assert rows.known(ORGANS) == {"lung": 1, "heart": 2}
