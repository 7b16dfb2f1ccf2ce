"""The model card of an exported file states what is true of that file."""

import pytest
import yaml

import ssmtl
from ssmtl.exports.facts import facts_of
from ssmtl.exports.model_card import model_card
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.folder import RunFolder


def card(paths, last=False):
    """:param last: as if the weights were others than those that were selected."""
    model = ssmtl.load(paths, device="cpu")
    runs = [RunFolder(path) for path in paths]
    results = [run.read_results() for run in runs]
    if last:
        results = [one.model_copy(update={"weights": one.weights | {"best": "0" * 64}}) for one in results]
    shapes = {task: (len(output.classes),) for task, output in model.tasks.items()}
    facts = facts_of(model, results, shapes | {"lungs.saliency": (1, 4, 4)})
    return model_card(runs, results, facts, "onnx", "a.onnx", 0.0, model.decides), facts


def test_the_temperature_is_inside_and_the_card_says_so(learned):
    text, facts = card([learned])
    (heat,) = facts["temperatures"]
    assert heat["diagnosis"] == pytest.approx(calibration_of(RunFolder(learned)).tasks["diagnosis"].temperature)
    assert f"temperature: {heat['diagnosis']:.3g}" in text
    assert f"pneumonia from {facts['thresholds']['diagnosis']['pneumonia']:.3g} on" in text
    assert "the temperature is inside" in text
    assert "not calibrated" not in text
    assert "| `lungs.saliency` | (batch, 1, 4, 4) | a map that the bridge gives the head |" in text


def test_no_figures_of_other_weights(run):
    text, _ = card([run], last=True)
    assert yaml.safe_load(text.split("---\n")[1])["model-index"][0]["results"] == []
    assert "**None.** These are the last weights" in text
    assert "of step 2, the last" in text
    assert "over images" not in text


def test_an_ensembles_runs_may_have_trained_on_each_others_test_images(run, other_run):
    text, _ = card([run, other_run])
    assert "none of them was trained on" not in text
    assert "one may have been trained on what another is tested on" in text
    assert all(f"`{one.name}`: 2 steps" in text for one in (run, other_run))
