"""Metrics against brute force and against torchmetrics where its definition agrees, and their invariants."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchmetrics.functional import classification as reference
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.functional.segmentation import dice_score

import ssmtl_metrics
from ssmtl import DataError, Output, SsmtlError
from ssmtl.registry.options import build, check_options
from ssmtl_metrics.auroc import area
from ssmtl_metrics.confusion import confusion

METRICS = ssmtl_metrics.ssmtl_metrics()
OVERLAP = ("dice", "jaccard", "precision", "recall")
OF_MASKS = (*OVERLAP, "ssim", "average_hausdorff")
OF_LABELS = ("accuracy", "f1", "balanced_accuracy", "auroc")
ONE, TWO = Output("masks", ("lung",)), Output("masks", ("left", "right"))
BINARY = Output("multiclass", ("normal", "ill"))
THREE = Output("multiclass", ("a", "b", "c"))
MULTILABEL = Output("multilabel", ("a", "b", "c"))
some = settings(max_examples=40, deadline=None, derandomize=True)
seeds = st.integers(0, 2**31)


def masks(seed, rows=3, structures=1, height=9, width=7):
    """Random masks, each with its own density; some are empty, some full."""
    random = np.random.default_rng(seed)
    density = random.choice([0.0, 0.02, 0.1, 0.5, 0.9, 1.0], (2, rows, structures, 1, 1))
    made = (random.random((2, rows, structures, height, width)) < density).astype(np.float32)
    return torch.from_numpy(made[0]), torch.from_numpy(made[1])


def value(name, predicted, target, output=ONE, **options):
    return METRICS[name](output, **options)(predicted, target)[name]


def boundary_points(mask):
    height, width = len(mask), len(mask[0])
    inside = {(y, x) for y in range(height) for x in range(width) if mask[y][x]}
    return [(y, x) for y, x in inside if not {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)} <= inside]


def brute_overlap(name, predicted, target):
    both = only_p = only_t = 0
    for p, t in zip(predicted.flatten().tolist(), target.flatten().tolist(), strict=True):
        both, only_p, only_t = both + (p and t), only_p + (p and not t), only_t + (t and not p)
    if not both + only_p or not both + only_t:
        return float(not both + only_p + only_t)
    wholes = {"dice": both + (only_p + only_t) / 2, "jaccard": both + only_p + only_t}
    return both / (wholes | {"precision": both + only_p, "recall": both + only_t})[name]


def brute_distance(predicted, target, spacing):
    if not predicted.any() or not target.any():
        diagonal = math.hypot(predicted.shape[0] * spacing[0], predicted.shape[1] * spacing[1])
        return diagonal if predicted.any() or target.any() else 0.0
    ours, theirs = boundary_points(predicted.tolist()), boundary_points(target.tolist())

    def directed(points, goals):
        nearest = [min(math.hypot((y - v) * spacing[0], (x - u) * spacing[1]) for v, u in goals) for y, x in points]
        return sum(nearest) / len(nearest)

    return (directed(ours, theirs) + directed(theirs, ours)) / 2


@pytest.mark.parametrize("name", OVERLAP)
@given(seed=seeds)
@some
def test_overlap_is_counted_pixel_by_pixel(name, seed):
    predicted, target = masks(seed)
    expected = [brute_overlap(name, p > 0, t > 0) for p, t in zip(predicted, target, strict=True)]
    assert value(name, predicted, target).tolist() == pytest.approx(expected, abs=1e-6)


@given(seed=seeds, spacing=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)))
@some
def test_average_hausdorff_is_the_mean_over_all_pairs(seed, spacing):
    predicted, target = masks(seed)
    expected = [brute_distance(p[0] > 0, t[0] > 0, spacing) for p, t in zip(predicted, target, strict=True)]
    found = value("average_hausdorff", predicted, target, spacing=spacing)
    assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert torch.equal(found, value("average_hausdorff", target, predicted, spacing=spacing))


@given(seed=seeds)
@some
def test_overlaps_agree_with_each_other(seed):
    predicted, target = masks(seed, rows=8)
    dice, jaccard, precision, recall = (value(name, predicted, target).double() for name in OVERLAP)
    assert (jaccard <= dice).all()
    torch.testing.assert_close(dice, 2 * jaccard / (1 + jaccard), atol=1e-6, rtol=1e-6)
    met = jaccard > 0
    torch.testing.assert_close(1 / jaccard[met], (1 / precision + 1 / recall - 1)[met], atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", OF_MASKS)
@given(seed=seeds)
@settings(some, max_examples=10)
def test_the_value_of_an_image_does_not_depend_on_the_order(name, seed):
    predicted, target = masks(seed, rows=6, structures=2, height=13, width=12)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(6))
    found = METRICS[name](TWO)(predicted, target)
    assert set(found) == {name, f"{name}_left", f"{name}_right"}
    for key, permuted in METRICS[name](TWO)(predicted[order], target[order]).items():
        assert torch.equal(permuted, found[key][order])
    torch.testing.assert_close(found[name], (found[f"{name}_left"] + found[f"{name}_right"]) / 2)
    left = value(name, predicted[:, :1], target[:, :1])
    assert torch.equal(left, found[f"{name}_left"])
    low, high = {"ssim": (-1, 1), "average_hausdorff": (0, math.hypot(13, 12))}.get(name, (0, 1))
    assert (found[name] >= low - 1e-6).all()
    assert (found[name] <= high + 1e-6).all()


@pytest.mark.parametrize(
    ("predicted", "target", "share", "distance"),
    [(0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, math.hypot(12 * 2, 16 * 3)), (1.0, 0.0, 0.0, math.hypot(12 * 2, 16 * 3))],
    ids=["both empty", "missed", "invented"],
)
def test_empty_masks_follow_the_policy(predicted, target, share, distance):
    pair = torch.full((1, 1, 12, 16), predicted), torch.full((1, 1, 12, 16), target)
    for name in OVERLAP:
        assert value(name, *pair).tolist() == [share]
    assert value("average_hausdorff", *pair, spacing=(2.0, 3.0)).tolist() == pytest.approx([distance])
    counts = METRICS["empty_masks"](ONE)(*pair)
    empty = {"empty_reference": 1 - target, "empty_prediction": 1 - predicted}
    assert {key: count.item() for key, count in counts.items()} == empty | {"both_empty": float(target == predicted)}


def test_two_empty_masks_are_alike():
    assert value("ssim", *[torch.zeros(2, 1, 11, 11)] * 2).tolist() == [1.0, 1.0]


@given(seed=seeds)
@settings(some, max_examples=15)
def test_dice_and_ssim_are_those_of_torchmetrics(seed):
    predicted, target = masks(seed, rows=4, height=20, width=15)
    soft = torch.rand(predicted.shape, generator=torch.Generator().manual_seed(seed))
    for ours, theirs in (
        (value("ssim", predicted, target), predicted),
        (value("ssim", soft, target, on="probabilities"), soft),
        (value("ssim", soft, target), (soft > 0.5).float()),
    ):
        expected = structural_similarity_index_measure(theirs, target, data_range=1.0, reduction="none")
        torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-5)
    full = target.flatten(1).any(1) & predicted.flatten(1).any(1)
    if full.any():
        expected = dice_score(
            predicted[full].long(), target[full].long(), num_classes=1, aggregation_level="samplewise"
        )
        torch.testing.assert_close(value("dice", predicted[full], target[full]), expected)


def test_ssim_says_what_it_needs():
    with pytest.raises(DataError, match="11 × 11"):
        value("ssim", torch.zeros(1, 1, 10, 30), torch.zeros(1, 1, 10, 30))


def labels(seed, output, rows=30):
    generator = torch.Generator().manual_seed(seed)
    # rounded, so that there are ties
    scores = (torch.rand(rows, len(output.classes), generator=generator) * 10).round() / 10
    if output.kind == "multilabel":
        targets = (torch.rand(scores.shape, generator=generator) < 0.4).float()
        targets[0], targets[1] = 0, 1
        return scores, targets
    targets = torch.randint(len(output.classes), (rows,), generator=generator)
    targets[: len(output.classes)] = torch.arange(len(output.classes))
    return (scores + 0.05).div((scores + 0.05).sum(1, keepdim=True)), targets


def brute_auroc(scores, positive):
    pairs = [(s > t) + (s == t) / 2 for s in scores[positive].tolist() for t in scores[~positive].tolist()]
    return sum(pairs) / len(pairs)


@given(seed=seeds, output=st.sampled_from([BINARY, THREE, MULTILABEL]))
@some
def test_auroc_is_the_fraction_of_pairs_in_order(seed, output):
    scores, targets = labels(seed, output)
    positive = targets > 0.5 if output.kind == "multilabel" else torch.nn.functional.one_hot(targets).bool()
    areas = [brute_auroc(scores[:, i], positive[:, i]) for i in range(len(output.classes))]
    found = METRICS["auroc"](output)(scores, targets)
    if output is BINARY:
        assert set(found) == {"auroc"}
        assert found["auroc"].item() == pytest.approx(areas[1], abs=1e-6)
    else:
        assert [found[f"auroc_{name}"].item() for name in output.classes] == pytest.approx(areas, abs=1e-6)
        assert found["auroc"].item() == pytest.approx(sum(areas) / 3, abs=1e-6)


@given(seed=seeds, output=st.sampled_from([BINARY, THREE, MULTILABEL]))
@some
def test_decisions_are_counted_one_by_one(seed, output):
    scores, targets = labels(seed, output)
    given = targets.tolist()
    if output.kind == "multilabel":
        said, wanted = (scores > 0.5).tolist(), [[bool(one) for one in row] for row in given]
    else:
        said, wanted = (
            [[i == chosen for i in range(len(output.classes))] for chosen in row]
            for row in (scores.argmax(1).tolist(), given)
        )
    f1, balance = [], []
    for column in range(len(output.classes)):
        pairs = [(a[column], b[column]) for a, b in zip(said, wanted, strict=True)]
        tp, fp, fn, tn = (pairs.count(case) for case in ((True, True), (True, False), (False, True), (False, False)))
        f1.append(2 * tp / (2 * tp + fp + fn))
        balance.append((tp / (tp + fn) + tn / (tn + fp)) / 2 if output is MULTILABEL else tp / (tp + fn))
    found = METRICS["f1"](output)(scores, targets)
    assert [found[f"f1_{name}"].item() for name in output.classes] == pytest.approx(f1, abs=1e-6)
    assert found["f1"].item() == pytest.approx(sum(f1) / len(f1), abs=1e-6)
    assert value("balanced_accuracy", scores, targets, output).item() == pytest.approx(
        sum(balance) / len(balance), abs=1e-6
    )
    right = [
        sum(a == b for a, b in zip(*rows, strict=True)) / len(output.classes)
        if output is MULTILABEL
        else rows[0] == rows[1]
        for rows in zip(said, wanted, strict=True)
    ]
    assert value("accuracy", scores, targets, output).tolist() == pytest.approx([float(one) for one in right])


@given(seed=seeds)
@settings(some, max_examples=15)
def test_labels_agree_with_torchmetrics(seed):
    scores, targets = labels(seed, THREE)
    for name, expected in (
        ("f1", reference.multiclass_f1_score(scores, targets, 3)),
        ("auroc", reference.multiclass_auroc(scores, targets, 3)),
        ("balanced_accuracy", reference.multiclass_accuracy(scores, targets, 3, average="macro")),
        ("accuracy", reference.multiclass_accuracy(scores, targets, 3, average="micro")),
    ):
        torch.testing.assert_close(value(name, scores, targets, THREE).mean(), expected)


@given(seed=seeds)
@settings(some, max_examples=15)
def test_areas_are_those_of_torchmetrics_to_the_last_bit(seed):
    scores, targets = labels(seed, THREE)
    positive = targets == 1
    assume(positive.any() and not positive.all())
    for column in (scores[:, 1], (scores[:, 1] * 8).round() / 8):
        assert torch.equal(area(column, positive), reference.binary_auroc(column.double(), positive.long()).float())


@given(seed=seeds)
@settings(some, max_examples=15)
def test_counts_are_those_of_torchmetrics(seed):
    scores, targets = labels(seed, THREE)
    scores, each = (scores * 8).round() / 8, torch.stack([targets == 0, targets > 0, targets == 2], 1)
    several = reference.multilabel_stat_scores(scores, each.long(), 3, threshold=0.25, average=None)
    for output, given_targets, theirs in (
        (THREE, targets, reference.multiclass_stat_scores(scores, targets, 3, average=None)),
        (MULTILABEL, each.float(), several),
    ):
        found = confusion(output, scores, given_targets, 0.25)
        ours = (found.true_positives, found.false_positives, found.true_negatives, found.false_negatives)
        assert torch.equal(torch.stack(ours, 1), theirs.double()[:, :4])


@pytest.mark.parametrize("name", ["auroc", "balanced_accuracy"])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_gives_nan_and_a_warning(name, label):
    scores, _ = labels(0, BINARY)
    with pytest.warns(UserWarning, match="has no value for"):
        assert value(name, scores, torch.full((30,), label), BINARY).isnan()


def test_a_missing_class_is_left_out_of_the_mean_and_named():
    scores, targets = labels(1, THREE)
    targets = targets.clamp(max=1)
    with pytest.warns(UserWarning, match="no value for c, which"):
        found = METRICS["auroc"](THREE)(scores, targets)
    assert found["auroc_c"].isnan()
    assert found["auroc"].item() == pytest.approx((found["auroc_a"] + found["auroc_b"]).item() / 2)


OF_NUMBERS = ("mae", "rmse")
"""Tested in test_numbers.py."""

OF_RANKS = ("quadratic_kappa", "rank_error")
"""Tested in test_ordinal.py."""


def test_perfect_predictions_get_the_best_values():
    predicted, _ = masks(3, rows=9, height=14, width=14)
    for name in OF_MASKS:
        best = 0.0 if name == "average_hausdorff" else 1.0
        assert value(name, predicted, predicted).tolist() == pytest.approx([best] * 9, abs=1e-6)
    for output in (BINARY, THREE, MULTILABEL):
        _, targets = labels(3, output)
        perfect = targets if output is MULTILABEL else torch.nn.functional.one_hot(targets).float()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name in OF_LABELS:
                assert all((found == 1).all() for found in METRICS[name](output)(perfect, targets).values())
    assert {*OF_MASKS, *OF_LABELS, "empty_masks", *OF_RANKS, *OF_NUMBERS} == set(METRICS)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_refuses_unsuitable_outputs_and_options(name):
    wrong = BINARY if METRICS[name].accepts == {"masks"} else ONE
    with pytest.raises(ValueError, match=name):
        METRICS[name](wrong)
    assert check_options(METRICS[name], name, {}, "metrics") == []
    if name not in ("auroc", *OF_RANKS, *OF_NUMBERS):
        assert check_options(METRICS[name], name, {"threshold": 1.5}, "metrics")
        assert build(METRICS[name], name, {"threshold": 0.25}, ONE if wrong is BINARY else BINARY).threshold == 0.25


@pytest.mark.parametrize("name", sorted(set(METRICS) - set(OF_NUMBERS)))
def test_a_diverged_model_gets_no_score(name):
    output = BINARY if METRICS[name].accepts != {"masks"} else ONE
    shape = (4, 2) if output is BINARY else (4, 1, 16, 16)
    targets = torch.tensor([0, 1, 0, 1]) if output is BINARY else torch.zeros(shape)
    with pytest.raises(SsmtlError, match="NaN"):
        METRICS[name](output)(torch.full(shape, math.nan), targets)
