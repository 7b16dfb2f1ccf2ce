"""What a run fits on its validation images, and that its predictions use it: by the real commands."""

import csv
import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssmtl
from ssmtl.calibration.temperature import tempered
from ssmtl.contracts.head import Output
from ssmtl.errors import RunError
from ssmtl.inference.decision import decision
from ssmtl.model.weights import checksum
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.files import Calibration
from ssmtl.runs.folder import RunFolder
from tests.cli.command_line import call, process


def stored(run):
    return dict(np.load(RunFolder(run).predictions_of("diagnosis", "in_domain")))


def probabilities(model, files):
    return np.array([list(one.labels["diagnosis"].probabilities.values()) for one in model.predict(files)])


def copied(run, folder):
    return RunFolder(shutil.copytree(run, folder / "run"))


def test_it_is_fitted_on_the_validation_images_alone(learned, images):
    run = RunFolder(learned)
    fitted = calibration_of(run).tasks["diagnosis"]
    with (images / "manifest.csv").open() as file:
        known = {row["image"]: row["diagnosis"] for row in csv.DictReader(file)}
    names = run.read_split().tasks["diagnosis"].val
    likely = probabilities(ssmtl.load(learned, device="cpu", calibrated=False), [images / name for name in names])
    ill = np.array([known[name] == "pneumonia" for name in names])
    grid = np.geomspace(0.05, 20, 3000)
    right = np.where(ill, 1, 0)[:, None]
    losses = [-np.log(np.take_along_axis(tempered(likely, "multiclass", one), right, 1)).mean() for one in grid]
    assert fitted.images == len(names) >= 20
    assert fitted.temperature == pytest.approx(grid[np.argmin(losses)], rel=0.005)
    assert fitted.nll[1] == pytest.approx(min(losses), abs=1e-5)
    score = tempered(likely, "multiclass", fitted.temperature)[:, 1]
    youden = [(score[ill] >= cut).mean() + (score[~ill] < cut).mean() for cut in [*score, 2]]
    chosen = fitted.thresholds["pneumonia"]["youden"].threshold
    assert (score[ill] >= chosen).mean() + (score[~ill] < chosen).mean() == pytest.approx(max(youden))


def test_predictions_use_it_and_metrics_do_not(learned, images):
    fitted, known = calibration_of(RunFolder(learned)).tasks["diagnosis"], stored(learned)
    files = [images / name for name in known["ids"]]
    model = ssmtl.load(learned, device="cpu")
    expected = tempered(known["probabilities"], "multiclass", fitted.temperature)
    np.testing.assert_allclose(probabilities(model, files), expected, atol=1e-6)
    np.testing.assert_allclose(
        probabilities(ssmtl.load(learned, device="cpu", calibrated=False), files), known["probabilities"], atol=1e-6
    )
    for decide, cut in [("stored", "youden"), ("youden", "youden"), ("sensitivity_95", "sensitivity_95")]:
        model = ssmtl.load(learned, device="cpu", decide=decide)
        chosen = fitted.thresholds["pneumonia"][cut].threshold
        for one in model.predict(files):
            labels = one.labels["diagnosis"]
            assert labels.decision == ("normal", "pneumonia")[labels.probabilities["pneumonia"] >= chosen]
    usual = ssmtl.load(learned, device="cpu", decide="usual").predict(files)
    decided = [one.labels["diagnosis"].decision == "pneumonia" for one in usual]
    assert decided == (known["probabilities"].argmax(1) == 1).tolist()
    accuracy = RunFolder(learned).read_results().tasks["diagnosis"]["in_domain"]["accuracy"]
    assert accuracy == pytest.approx((known["probabilities"].argmax(1) == known["targets"]).mean())


def test_the_end_of_a_run_that_was_cut_off_gives_the_same_bytes(learned, tmp_path):
    run = copied(learned, tmp_path)
    before = run.calibration.read_bytes()
    run.results.unlink()
    run.calibration.write_text("{")
    code, _, said = call("run", "--resume", run.path, "--quiet")
    assert code == 0, said
    assert run.calibration.read_bytes() == before
    assert run.read_results().calibration == checksum(run.calibration)


def test_what_the_run_did_not_write_is_refused(learned, images, tmp_path):
    run = copied(learned, tmp_path)
    text = run.calibration.read_text()
    threshold = json.loads(text)["tasks"]["diagnosis"]["thresholds"]["pneumonia"]["youden"]["threshold"]
    run.calibration.write_text(text.replace(str(threshold), "0.9"))
    command = ("predict", run.path, images / "images/000.png", "--out", tmp_path / "out")
    code, _, said = process(*command)
    assert code == 2
    assert "calibration.json is not as the run wrote it" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    run.calibration.unlink()
    with pytest.raises(RunError, match=r"calibration.json is missing"):
        ssmtl.load(run.path)
    other = Calibration.model_validate({**json.loads(text), "weights": "0" * 64})
    run.calibration.write_text(other.model_dump_json())
    content = json.loads(run.results.read_text())
    run.results.write_text(json.dumps({**content, "calibration": checksum(run.calibration)}))
    with pytest.raises(RunError, match="for other weights"):
        ssmtl.load(run.path)


def test_a_run_from_before_and_other_weights_predict_as_they_did(learned, images, tmp_path):
    run = copied(learned, tmp_path)
    content = json.loads(run.results.read_text())
    del content["calibration"]
    run.results.write_text(json.dumps(content))
    run.calibration.unlink()
    known = stored(learned)
    files = [images / name for name in known["ids"]]
    before = ssmtl.load(run.path, device="cpu")
    assert before.thresholds == {}
    np.testing.assert_allclose(probabilities(before, files), known["probabilities"], atol=1e-6)
    assert before.decides == ("diagnosis: the most probable class; temperature: none",)
    with pytest.raises(RunError, match="no threshold 'youden': none is stored for these weights"):
        ssmtl.load(run.path, device="cpu", decide="youden")
    with pytest.raises(RunError, match="which --raw"):
        ssmtl.load(learned, decide="youden", calibrated=False)
    with pytest.raises(RunError, match="no way to decide called 'sensitivity_99'"):
        ssmtl.load(run.path, decide="sensitivity_99")


def test_an_ensemble_is_the_mean_of_calibrated_runs(learned, run, images):
    files = [images / f"images/00{number}.png" for number in range(4)]
    both = ssmtl.load([learned, run], device="cpu")
    assert both.thresholds == {}
    mean = sum(probabilities(ssmtl.load(one, device="cpu"), files) for one in (learned, run)) / 2
    np.testing.assert_allclose(probabilities(both, files), mean, atol=1e-6)
    with pytest.raises(RunError, match="an ensemble has none"):
        ssmtl.load([learned, run], device="cpu", decide="youden")


def test_the_command_says_how_it_decides_and_does_not_mix(learned, images, tmp_path):
    command = ("predict", learned, images / "images/000.png", "--out", tmp_path / "out")
    code, shown, said = call(*command)
    assert code == 0, said
    fitted = calibration_of(RunFolder(learned)).tasks["diagnosis"]
    cut = fitted.thresholds["pneumonia"]["youden"].threshold
    assert f"diagnosis: pneumonia from {cut:.3g} on; temperature: {fitted.temperature:.3g}" in shown
    code, _, said = call(*command, "--raw")
    assert code == 2
    assert "other options" in said
    assert call(*command, "--decide", "sensitivity_90", "--out", tmp_path / "other")[0] == 0


def test_too_few_images_are_said(run):
    found = calibration_of(RunFolder(run)).tasks["diagnosis"]
    assert found.temperature == 1
    assert "there are 6 validation images" in found.why
    (line,) = ssmtl.load(run, device="cpu").decides
    assert line.startswith("diagnosis: the most probable class; temperature: none (there are 6 validation images")


def test_the_report_shows_the_error_before_and_after(learned):
    page = RunFolder(learned).report.read_text()
    fitted = calibration_of(RunFolder(learned)).tasks["diagnosis"]
    before, after = fitted.ece["pneumonia"]
    assert "diagnosis: temperature" in page
    assert f"{before:.3f}" in page
    assert f"{after:.3f}" in page
    assert "diagnosis: operating thresholds" in page


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.sampled_from([{}, {"b": 0.2}, {"a": 0.9, "b": 0.1}]))
def test_independent_labels_each_have_their_own_threshold(values, cuts):
    several, two = Output("multilabel", ("a", "b", "c")), Output("multiclass", ("a", "b"))
    found = decision(several, dict(zip("abc", values, strict=True)), cuts)
    assert found == "|".join(name for name, one in zip("abc", values, strict=True) if one >= cuts.get(name, 0.5))
    pair = {"a": 1 - values[0], "b": values[0]}
    expected = "ab"[values[0] >= cuts["b"]] if "b" in cuts else "ab"[pair["b"] > pair["a"]]
    assert decision(two, pair, cuts) == expected
    three = Output("multiclass", ("a", "b", "c"))
    assert decision(three, dict(zip("abc", values, strict=True)), cuts) == "abc"[int(np.argmax(values))]
