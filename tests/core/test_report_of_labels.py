"""What the report says of a classification task: decisions, calibration, worst cases; and of a bridge's maps."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from ssmtl.assessment.one_class import OneClass, one_class
from ssmtl.assessment.share_interval import share_interval, wilson
from ssmtl.calibration.error import BINS, bins_of, brier_score, calibration_error
from ssmtl.evaluation.predict import Predictions
from ssmtl.evaluation.stored_predictions import StoredPredictions
from ssmtl.evaluation.worst import WORST, severity, worst_places
from ssmtl.reports import write_report
from ssmtl.reports.run.bridge_map import draw_bridge_maps
from ssmtl.reports.run.confusion import confusion, draw_confusion
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.rates import rates
from ssmtl.reports.run.worst import worst_tables
from tests.core.made_up_run import make_up_run


def stored(probabilities, targets, **arrays):
    count = len(targets)
    ids = np.array([f"image{index}" for index in range(count)])
    patients = np.array([f"patient{index // 2}" for index in range(count)])
    own = {"ids": ids, "patients": patients, "probabilities": np.array(probabilities), "targets": np.array(targets)}
    return StoredPredictions("diagnosis", "in_domain", own | arrays)


def predictions(probabilities, targets):
    return Predictions((), (), torch.tensor(probabilities), torch.tensor(targets))


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_a_confusion_matrix_counts_true_classes_by_row_and_leaves_out_unknown_ones():
    item = stored([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6], [0.9, 0.1]], [0, 0, 1, 1, -1])
    assert confusion(item).tolist() == [[1, 1], [0, 2]]


def test_a_confusion_matrix_agrees_with_accuracy(tmp_path):
    run = FinishedRun.read(make_up_run(tmp_path / "run", tasks=("diagnosis",), classes=tuple("abc"), steps=1))
    for item in run.predictions:
        counts = confusion(item)
        assert counts.sum() == len(item["targets"])
        accuracy = run.results.tasks["diagnosis"][item.domain]["accuracy"]
        assert np.trace(counts) / counts.sum() == pytest.approx(accuracy)


def test_several_labels_are_decided_one_by_one_at_one_half():
    item = stored([[0.5, 0.9], [0.51, 0.2], [0.8, 0.7]], [[1.0, 0.0], [0.0, 1.0], [1.0, np.nan]])
    first, second = one_class(item, 0), one_class(item, 1)
    assert first.predicted.tolist() == [False, True, True]
    assert first.positive.tolist() == [True, False, True]
    assert second.ids == ("image0", "image1")
    assert second.predicted.tolist() == [True, False]


def test_several_labels_have_one_matrix_each_per_domain(tmp_path):
    folder = make_up_run(tmp_path / "run", tasks=("diagnosis",), classes=tuple("abc"), multilabel=True, steps=1)
    (drawing,) = draw_confusion(FinishedRun.read(folder))
    titles = [axis.get_title(loc="left") for axis in drawing.figure.axes]
    assert titles[:2] == ["a, in_domain (n = 60)", "a, cross_domain (n = 45)"]
    assert len(titles) == 6
    assert "above 0.5" in drawing.caption


def test_the_calibration_error_is_the_mean_distance_of_the_bins():
    score, positive = np.array([0.05, 0.05, 0.95, 1.0]), np.array([False, True, True, True])
    counts, mean, share = bins_of(score, positive)
    assert counts.tolist() == [2] + [0] * (BINS - 2) + [2]
    assert mean[[0, -1]] == pytest.approx([0.05, 0.975])
    assert share[[0, -1]] == pytest.approx([0.5, 1.0])
    assert calibration_error(score, positive) == pytest.approx((2 * 0.45 + 2 * 0.025) / 4)
    assert brier_score(score, positive) == pytest.approx((0.05**2 + 0.95**2 + 0.05**2) / 4)
    assert np.isnan([calibration_error(score[:0], positive[:0]), brier_score(score[:0], positive[:0])]).all()


def test_a_calibrated_prediction_has_a_small_error_and_a_sure_wrong_one_a_large_error():
    rng = np.random.default_rng(0)
    score = rng.random(20_000)
    positive = rng.random(20_000) < score
    assert calibration_error(score, positive) < 0.02
    assert calibration_error(score, ~positive) > 0.4


@pytest.mark.parametrize(("right", "count"), [(0, 5), (12, 12), (7, 20)])
def test_the_wilson_interval(right, count):
    expected = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right / count, count) == pytest.approx((expected.low, expected.high), abs=1e-6)


def one_with(patients):
    nothing = np.zeros(0)
    return OneClass(tuple(map(str, range(len(patients)))), tuple(patients), nothing, nothing, nothing)


def test_the_interval_of_a_share_is_over_patients():
    right, chosen = np.arange(60) % 3 > 0, np.ones(60, bool)
    alone = share_interval(right, chosen, one_with([f"p{index}" for index in range(60)]), "a")
    exact = binomtest(40, 60).proportion_ci(method="wilson")
    assert alone == pytest.approx((exact.low, exact.high), abs=0.02)
    copies = np.repeat(right[:6], 10)
    clustered = share_interval(copies, chosen, one_with([f"p{index // 10}" for index in range(60)]), "a")
    assert clustered[1] - clustered[0] > 2 * (alone[1] - alone[0])


def test_a_share_of_one_is_no_certainty_and_a_single_patient_is_no_sample():
    right = chosen = np.ones(20, bool)
    patients = [f"p{index // 2}" for index in range(20)]
    assert share_interval(right, chosen, one_with(patients), "a") == wilson(1.0, 10)
    assert np.isnan(share_interval(right, chosen, one_with(["p"] * 20), "a")).all()


def test_what_is_not_defined_is_said_in_words(tmp_path, recwarn):
    folder = make_up_run(tmp_path / "run", tasks=("diagnosis",), steps=1)
    for path in (folder / "predictions").glob("*.npz"):
        with np.load(path) as archive:
            arrays = dict(archive)
        np.savez(path, **arrays | {"targets": np.ones(len(arrays["ids"]), int)})
    page = write_report(folder).read_text()
    (table,) = rates(FinishedRun.read(folder))
    normal, pneumonia = texts(table)[:2]
    assert normal[3:5] == ["0 / 60", "not defined"]
    assert pneumonia[5] == "not defined"
    assert "not defined" in page
    assert not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]


@pytest.mark.parametrize(
    ("kind", "probabilities", "targets", "expected"),
    [
        ("multiclass", [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], [1, 0, -1], [-np.log(0.75), -np.log(0.5), np.nan]),
        ("multilabel", [[0.25, 0.5]], [[0.0, np.nan]], [-np.log(0.75)]),
        (
            "masks",
            [[[[1.0, 1.0]]], [[[0.0, 0.0]]], [[[0.0, 0.0]]]],
            [[[[1, 0]]], [[[0, 1]]], [[[0, 0]]]],
            [1 / 3, 1, 0],
        ),
    ],
)
def test_how_wrong_a_prediction_is(kind, probabilities, targets, expected):
    found = severity(kind, predictions(probabilities, targets))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_the_worst_come_first_and_unknown_ones_never():
    severities = torch.tensor([0.1, float("nan"), 3.0, 0.2] + [0.0] * WORST)
    assert worst_places(severities)[:4] == [2, 3, 0, 4]
    assert len(worst_places(severities)) == WORST
    assert worst_places(torch.tensor([float("nan")])) == []


def test_the_worst_cases_say_whose_image_it_is_and_what_was_predicted(tmp_path):
    folder = make_up_run(tmp_path / "run", steps=1)
    run = FinishedRun.read(folder)
    labels, _, masks, _ = worst_tables(run)
    item = run.predictions[0]
    likely = item["probabilities"][np.arange(len(item["targets"])), item["targets"].astype(int)]
    worst = int(likely.argmin())
    name, patient, true, predicted, probability, loss = texts(labels)[0]
    assert name == patient == item["ids"][worst]
    assert true == ("normal", "pneumonia")[item["targets"][worst]] != predicted
    assert probability == f"{likely[worst]:.3f}"
    assert loss == f"{-np.log(likely[worst]):.3f}"
    dice = sorted(value for value in run.per_image["lungs", "in_domain", "dice"].values() if value == value)
    assert [row[2] for row in texts(masks)] == [f"{value:.3f}" for value in dice[:WORST]]


def test_the_bridges_map_is_drawn_at_its_own_size_with_its_range(tmp_path):
    run = FinishedRun.read(make_up_run(tmp_path / "run", steps=1))
    drawing = next(iter(draw_bridge_maps(run)))
    words = [axis.get_ylabel() for axis in drawing.figure.axes if axis.get_ylabel()]
    item = next(item for item in run.predictions if item.task == "lungs")
    shown = item["bridge_map_1"][:5]
    assert words == ["image", words[1], f"bridge: saliency\n8 × 8\n{shown.min():.2f} to {shown.max():.2f}", "masks"]
    drawn = [axis.images[0].get_array() for axis in drawing.figure.axes if axis.images]
    assert any(np.array_equal(values, shown[0]) for values in drawn)
