"""Temperatures, thresholds and calibration errors against other ways to get them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional import auroc
from torchmetrics.functional.classification import binary_calibration_error

from ssmtl.calibration.error import BINS, calibration_error
from ssmtl.calibration.fit import FEWEST, FEWEST_OF_A_KIND, fit_task
from ssmtl.calibration.operating_points import WANTED, operating_points
from ssmtl.calibration.stored import HOTTEST
from ssmtl.calibration.temperature import fitted_temperature, negative_log_likelihood, tempered
from ssmtl.contracts.head import Output

TWO, THREE, SEVERAL = (
    Output("multiclass", ("a", "b")), Output("multiclass", ("a", "b", "c")), Output("multilabel", ("a", "b", "c")),
)  # fmt: skip
EVERY = pytest.mark.parametrize("output", [TWO, THREE, SEVERAL], ids=["two", "three", "several"])


def outputs_and_truth(output, rows, seed, sharpness):
    """Logits that are `sharpness` times too sure, and truth drawn from what they should be."""
    random = np.random.default_rng(seed)
    true = random.normal(size=(rows, len(output.classes))) * 1.5
    if output.kind == "multilabel":
        targets = (random.random(true.shape) < 1 / (1 + np.exp(-true))).astype(float)
    else:
        likely = np.exp(true) / np.exp(true).sum(1, keepdims=True)
        targets = (random.random(rows)[:, None] > likely.cumsum(1)).sum(1).clip(0, likely.shape[1] - 1)
    return true * sharpness, targets


def plain_nll(logits, targets, output, temperature):
    """By PyTorch."""
    scaled = torch.from_numpy(logits) / temperature
    if output.kind == "multilabel":
        return torch.nn.functional.binary_cross_entropy_with_logits(scaled, torch.from_numpy(targets)).item()
    return torch.nn.functional.cross_entropy(scaled, torch.from_numpy(targets)).item()


@EVERY
@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), sharpness=st.sampled_from([0.3, 1.0, 4.0]))
def test_no_temperature_of_a_grid_is_likelier(output, seed, sharpness):
    logits, targets = outputs_and_truth(output, 60, seed, sharpness)
    found = fitted_temperature(logits, targets, output.kind)
    grid = np.geomspace(0.05, 20, 400)
    losses = [plain_nll(logits, targets, output, one) for one in grid]
    best = grid[int(np.argmin(losses))]
    if found is None:
        assert best in (grid[0], grid[-1])
    else:
        assert plain_nll(logits, targets, output, found) <= min(losses) + 1e-12
        assert found == pytest.approx(best, rel=0.016)
        assert negative_log_likelihood(logits, targets, output.kind, found) == pytest.approx(
            plain_nll(logits, targets, output, found)
        )


@EVERY
def test_what_is_too_sure_is_cooled_by_as_much(output):
    logits, targets = outputs_and_truth(output, 20_000, 0, 3.0)
    assert fitted_temperature(logits, targets, output.kind) == pytest.approx(3.0, rel=0.05)
    fitted = fit_task(output, logits, targets)
    assert fitted.why == ""
    assert fitted.nll[1] < fitted.nll[0]
    assert all(after < 0.03 < before for before, after in fitted.ece.values())


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), temperature=st.floats(0.2, 10))
def test_a_temperature_changes_no_ranking(seed, temperature):
    for output in (TWO, SEVERAL):
        logits, targets = outputs_and_truth(output, 40, seed, 1.0)
        sharp = torch.from_numpy(logits)
        before = (sharp.softmax(1) if output is TWO else sharp.sigmoid()).numpy()
        after = tempered(before, output.kind, temperature)
        truth = (targets if output is SEVERAL else np.eye(2)[targets]) == 1
        assert (after.argmax(1) == before.argmax(1)).all()
        assert ((after > 0.5) == (before > 0.5)).all()
        for at in range(1, len(output.classes)):
            areas = [
                float(auroc(torch.from_numpy(one[:, at]), torch.from_numpy(truth[:, at]).long(), task="binary"))
                for one in (before, after)
            ]
            assert areas[0] == pytest.approx(areas[1], abs=1e-9)


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 50))
def test_the_error_is_that_of_bins_counted_one_by_one(seed, rows):
    random = np.random.default_rng(seed)
    score, positive = random.random(rows), random.random(rows) < 0.4
    total = 0.0
    for number in range(BINS):
        inside = [place for place in range(rows) if number / BINS <= score[place] < (number + 1) / BINS]
        if inside:
            total += abs(sum(score[inside]) - sum(positive[inside])) / rows
    assert calibration_error(score, positive) == pytest.approx(total, abs=1e-9)
    other = binary_calibration_error(torch.from_numpy(score), torch.from_numpy(positive).long(), n_bins=BINS)
    assert calibration_error(score, positive) == pytest.approx(other.item(), abs=1e-6)


def rates(score, positive, threshold):
    above = [value >= threshold for value in score]
    hits = sum(one and true for one, true in zip(above, positive, strict=True))
    rejected = sum(not one and not true for one, true in zip(above, positive, strict=True))
    return hits / sum(positive), rejected / sum(not true for true in positive)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), st.booleans()), min_size=2).filter(
        lambda rows: 0 < sum(true for _, true in rows) < len(rows)
    )
)
def test_thresholds_are_the_best_of_all(rows):
    score, positive = np.array([one for one, _ in rows]), np.array([true for _, true in rows])
    every = [rates(score, positive, cut) for cut in (-1, *sorted(set(score.tolist())), 2)]
    found = operating_points(score, positive)
    for point in found.values():
        assert rates(score, positive, point.threshold) == pytest.approx((point.sensitivity, point.specificity))
        assert 0 <= point.threshold <= 1
        assert point.threshold == 0 or point.threshold not in score
    best = found["youden"]
    assert best.sensitivity + best.specificity == pytest.approx(max(sum(one) for one in every))
    for name, least in WANTED.items():
        assert found[name].sensitivity >= least - 1e-12
        assert found[name].specificity == pytest.approx(max(s for h, s in every if h >= least - 1e-12))


def test_a_threshold_decides_what_is_rounded_to_single_precision_alike():
    random = np.random.default_rng(0)
    score, positive = random.random(200), random.random(200) < 0.5
    for point in operating_points(score, positive).values():
        assert ((score.astype(np.float32) >= point.threshold) == (score >= point.threshold)).all()


def test_too_few_images_of_one_kind_or_at_all_are_said():
    logits, targets = outputs_and_truth(TWO, FEWEST - 1, 0, 1.0)
    few = fit_task(TWO, logits, targets)
    assert (few.temperature, few.nll, few.ece) == (1.0, [], {})
    assert f"{FEWEST - 1} validation images with a label; expected {FEWEST}" in few.why
    alone = fit_task(TWO, *outputs_and_truth(TWO, 0, 0, 1.0))
    assert (alone.images, alone.thresholds) == (0, {})
    one = fit_task(TWO, np.random.default_rng(0).normal(size=(50, 2)), np.zeros(50, np.int64))
    assert "have only one class" in one.why
    assert "0 of 50 validation images have the class and 50 do not" in one.no_thresholds["b"]
    rare = fit_task(
        TWO, np.random.default_rng(0).normal(size=(50, 2)), np.array([1] * (FEWEST_OF_A_KIND - 1) + [0] * 46)
    )
    assert rare.thresholds == {}
    assert "most probable" in fit_task(THREE, *outputs_and_truth(THREE, 50, 0, 1.0)).no_thresholds["a"]
    assert set(fit_task(SEVERAL, *outputs_and_truth(SEVERAL, 50, 0, 1.0)).thresholds) == {"a", "b", "c"}


def test_what_separates_the_images_wholly_or_not_at_all_gets_no_temperature():
    targets = np.arange(40) % 2
    sure = np.stack([-targets, targets], 1) * 4.0 - 2
    for logits in (sure, -sure, np.full_like(sure, np.nan)):
        found = fit_task(TWO, logits, targets)
        assert (found.temperature, found.nll) == (1.0, [])
        assert found.why
    assert fitted_temperature(sure / 1000, targets, "multiclass") is None
    assert HOTTEST > 1


def test_unknown_labels_count_for_nothing():
    logits, targets = outputs_and_truth(SEVERAL, 60, 1, 2.0)
    more = np.concatenate([logits, 9 * np.ones((7, 3))])
    for unknown in (np.nan, -1.0):
        both = np.concatenate([targets, np.full((7, 3), unknown)])
        assert fit_task(SEVERAL, more, both) == fit_task(SEVERAL, logits, targets)
    logits, targets = outputs_and_truth(TWO, 60, 1, 2.0)
    both = fit_task(TWO, np.concatenate([logits, 9 * np.ones((7, 2))]), np.concatenate([targets, np.full(7, -1)]))
    assert both == fit_task(TWO, logits, targets)
