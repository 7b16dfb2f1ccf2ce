"""Class weights, focal loss and exclusive structures, from a recipe to results."""

import json

import numpy as np
import pytest
from own_set import write_recipe, write_set

from ssmtl.evaluation.stored_predictions import read_predictions
from ssmtl.model.weights import read_tensors

LABELS, HEAD = "label: finding", "classes: [normal, sick]"
EXCLUSIVE = {
    "classes: [lung, heart],": "classes: [lung, heart], exclusive: true,",
    "{use: cross_entropy}": "{use: cross_entropy, class_weights: balanced, focal: 2}",
    "{use: soft_dice}": "{use: soft_dice}, {use: cross_entropy, weight: 0.5, focal: 1}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("own")
    write_set(made, ("finding",), lambda number: ["sick" if number % 8 < 3 else "normal"])
    return made


@pytest.fixture(autouse=True)
def _no_page(monkeypatch):
    """Drawing takes longer than training."""
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")


def test_a_run_learns_exclusive_structures_and_weighted_classes(folder, ssmtl):
    recipe = write_recipe(folder, LABELS, HEAD, "auroc", **EXCLUSIVE)
    code, _, err = ssmtl("run", recipe, "--out", folder / "run")
    assert code == 0, err
    stored = read_predictions(folder / "run" / "predictions" / "organs.here.npz")
    assert (stored["sample_probabilities"].sum(1) <= 1 + 1e-6).all()
    budget = json.loads((folder / "run" / "results.json").read_text())["budgets"]["findings"]["labeled_classes"]
    counts = np.array([budget["normal"], budget["sick"]])
    assert counts[0] > counts[1] > 0
    assert "findings.cross_entropy.weights" not in read_tensors(folder / "run" / "weights" / "last.safetensors")


def test_a_strategy_that_takes_structures_by_themselves_is_refused(folder, ssmtl):
    replaced = EXCLUSIVE | {"{use: soft_dice}": "{use: soft_dice}, {use: kl_consistency}"}
    code, _, err = ssmtl("check", write_recipe(folder, LABELS, HEAD, "auroc", **replaced))
    assert code == 2
    assert "tasks.organs.strategies.1: 'kl_consistency' takes each structure by itself" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("class_weights: [1]", "class_weights has 1 values for 2 classes (normal, sick)"),
        ("class_weights: balancd", "class_weights"),
        ("focal: -1", "focal"),
    ],
)
def test_wrong_options_are_named(folder, ssmtl, options, message):
    recipe = write_recipe(
        folder, LABELS, HEAD, "auroc", **{"{use: cross_entropy}": f"{{use: cross_entropy, {options}}}"}
    )
    code, _, err = ssmtl("check", recipe)
    assert code == 2
    assert "tasks.findings.strategies.0" in err
    assert message in err


@pytest.mark.parametrize("command", ["check", "run"])
def test_balanced_weights_need_an_image_of_each_class(folder, ssmtl, command):
    """Found before an image is decoded and a folder made, whatever the budget or the order of the classes."""
    replaced = {
        "batch: 4\n    evaluate_on: {here: own}\n    head: {use: pooled_linear":
            "batch: 4\n    labeled: {normal: 4}\n    evaluate_on: {here: own}\n    head: {use: pooled_linear",
        "{use: cross_entropy}": "{use: cross_entropy, class_weights: balanced}",
    }  # fmt: skip
    recipe = write_recipe(folder, LABELS, HEAD, "auroc", **replaced)
    recipe = recipe.rename(folder / f"lacking_{command}.yaml")
    assert "labeled: {normal: 4}" in recipe.read_text()
    out = folder / "lacking"
    code, _, err = ssmtl(command, recipe, *(("--out", out) if command == "run" else ()))
    assert code == 2
    assert err.count("Error") == 1
    assert (
        "task 'findings': class_weights: balanced: none of the labelled images of which it is known have the class "
        "'sick'; give a list of weights, or another label budget"
    ) in err
    assert "Traceback" not in err
    assert not out.exists()


def test_a_run_on_padded_images(folder, ssmtl):
    recipe = write_recipe(folder, LABELS, HEAD, "auroc", **{"{size: 32}": "{size: 32, fit: pad}"})
    code, out, err = ssmtl("run", recipe, "--out", folder / "padded")
    assert code == 0, err
    assert "padded" in out
    stored = read_predictions(folder / "padded" / "predictions" / "organs.here.npz")
    around = np.ones((32, 32), bool)
    around[:, 3:29] = False  # images of 40 × 32 pixels
    assert (stored["sample_images"][:, around] == 0).all()
    assert (stored["sample_probabilities"][:, :, around] == 0).all()
    code, _, err = ssmtl("evaluate", folder / "padded", "--out", folder / "again.json")
    assert code == 0, err
    first, again = (json.loads((folder / name).read_text()) for name in ("padded/results.json", "again.json"))
    assert first["tasks"] == again["tasks"]
