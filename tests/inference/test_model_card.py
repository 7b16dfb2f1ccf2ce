"""The model card of an exported file states what is true of that file."""

import shutil
from dataclasses import replace

import pytest
import yaml

import ssmtl
from ssmtl.exports.facts import facts_of
from ssmtl.exports.model_card import model_card
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.folder import RunFolder


def card(paths, last=False, model=None):
    """:param last: as if the weights were others than those that were selected."""
    model = model or ssmtl.load(paths, device="cpu")
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


def test_what_decides_the_output_is_said(run, tmp_path):
    """Statistics of which source are inside, and whether structures exclude each other."""
    plain, facts = card([run])
    assert "norm: " not in plain
    assert "exclusive" not in plain
    assert facts["exclusive"] == []
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    model = ssmtl.load([run], device="cpu")
    exclusive = replace(model, tasks={**model.tasks, "lungs": replace(model.tasks["lungs"], exclusive=True)})
    recipe = yaml.safe_load((copy / "recipe.yaml").read_text())
    recipe["sources"]["other"] = recipe["sources"]["own"]
    recipe["norm"], recipe["tasks"]["lungs"]["source"] = "domain", "other"
    (copy / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    text, facts = card([copy], model=exclusive)
    assert facts["exclusive"] == ["lungs"]
    assert "- lungs: a pixel is inside above 0.5; its structures are exclusive, a softmax over them" in text
    assert "(`norm: domain`), those of own for `diagnosis` and other for `lungs`: images of any other source" in text
    assert "Backbone multimix_encoder, norm: domain, " in text
