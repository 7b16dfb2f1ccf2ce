"""A table with a column of numbers, from a recipe to its page."""

import json

import numpy as np
import pytest
from own_set import write_recipe, write_set

from ssmtl.evaluation.stored_predictions import read_predictions

LABELS, HEAD = "numbers: [age]", "numbers: [age]"
OWN = {"use: pooled_linear": "use: pooled_numbers", "{use: cross_entropy}": "{use: mse}"}


def age(number):
    return [""] if number % 5 == 4 else [str(20 + number)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("own")
    write_set(made, ("age",), age)
    return made


def test_a_run_predicts_numbers_in_their_own_unit(folder, ssmtl):
    recipe = write_recipe(folder, LABELS, HEAD, "{use: mae, unit: years}, rmse", **OWN)
    code, out, err = ssmtl("run", recipe, "--out", folder / "run")
    assert code == 0, err
    assert "MAE (years)" in out
    stored = read_predictions(folder / "run" / "predictions" / "findings.here.npz")
    true = np.array([float(age(int(str(one).split("/")[1].split(".")[0]))[0]) for one in stored["ids"]])
    assert stored["true_numbers"][:, 0] == pytest.approx(true)
    results = json.loads((folder / "run" / "results.json").read_text())["tasks"]["findings"]["here"]
    error = stored["numbers"][:, 0].astype(float) - true
    assert results["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert results["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert abs(np.median(stored["numbers"]) - 40) < 20  # about their mean after two steps, not about 0
    page = (folder / "run" / "report.html").read_text()
    assert "Estimated numbers" in page
    assert "largest absolute error" in page
    code, _, err = ssmtl("evaluate", folder / "run", "--out", folder / "again.json")
    assert code == 0, err
    assert json.loads((folder / "again.json").read_text())["tasks"]["findings"]["here"] == results


def test_unlabelled_images_teach_numbers(folder, ssmtl, monkeypatch):
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")
    recipe = write_recipe(folder, LABELS, HEAD, "mae", **OWN)
    text = recipe.read_text().replace("{use: mse}", "{use: mse}, {use: number_consistency, decay: 0.9}")
    views = "{weak: {use: identity}, strong: {use: kornia_strong}}"
    recipe.write_text(text.replace("augment: {weak: {use: identity}}", f"augment: {views}"))
    code, _, err = ssmtl("run", recipe, "--out", folder / "both", "--set", "train.steps=4")
    assert code == 0, err
    steps = [json.loads(line) for line in (folder / "both" / "metrics.jsonl").read_text().splitlines()]
    losses = [one["losses"]["findings.number_consistency"] for one in steps if one["event"] == "step"]
    assert len(losses) == 4
    assert all(np.isfinite(losses))
    assert max(losses) > 0
    code, _, err = ssmtl("check", write_recipe(folder, LABELS, HEAD, "mae", **{**OWN, "{use: mse}": "{use: fixmatch}"}))
    assert code == 2
    assert "'fixmatch' cannot learn from a head of kind numbers (it learns from multiclass, multilabel)" in err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"{use: mse}": "{use: cross_entropy}"}, "'cross_entropy' cannot learn from a head of kind numbers"),
        ({"numbers: [age], masks": "numbers: [aeg], masks"}, "has no column 'aeg'; did you mean 'age'?"),
        ({"use: pooled_numbers, numbers: [age]": "use: pooled_numbers, numbers: [years]"}, "has the number 'years'"),
        ({"[{use: mae, unit: years}]": "[auroc]"}, "auroc"),
    ],
)
def test_mistakes_are_named(folder, ssmtl, changes, message):
    recipe = write_recipe(folder, LABELS, HEAD, "{use: mae, unit: years}", **OWN)
    text = recipe.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    recipe.write_text(text)
    code, _, err = ssmtl("check", recipe)
    assert code == 2
    assert message in err


def test_a_cell_that_is_no_number(folder, ssmtl):
    table = folder / "manifest.csv"
    before = table.read_text()
    table.write_text(before.replace("p3,23", "p3,old"))
    code, _, err = ssmtl("check", write_recipe(folder, LABELS, HEAD, "mae", **OWN))
    table.write_text(before)
    assert code == 2
    assert "column 'age': 'old'; expected a number or nothing" in err
