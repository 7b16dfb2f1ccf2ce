"""Unlabelled images of another source, from a recipe to results, and to what may be scored afterwards."""

import json

import pytest
from own_set import write_recipe, write_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("own")
    write_set(made, ("finding",), lambda number: ["sick" if number % 8 < 3 else "normal"])
    write_set(made / "other", ("finding",), lambda number: ["rare"], count=20, size=(32, 40))
    return made


def recipe_of(folder, **more):
    other = f"other: {{use: manifest, root: {folder}/other, label: finding, masks: {{lung: lung}}, patient: patient}}"
    replaced = {
        "val: 0.3, test: 0.3}": f"val: 0.3, test: 0.3}}\n  {other}",
        "strategies: [{use: soft_dice}]": "labeled: 4\n    unlabeled_batch: 6\n    unlabeled_from: [own, other]\n"
        "    strategies: [{use: soft_dice}, {use: cutmix_seg}]",
    }
    return write_recipe(folder, "label: finding", "classes: [normal, sick]", "auroc", **(replaced | more))


def test_a_run_learns_from_another_sets_images_and_scores_none_of_its_people(folder, ssmtl, monkeypatch):
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")
    code, plan, err = ssmtl("run", recipe_of(folder), "--out", folder / "run")
    assert code == 0, err
    assert "unlabelled (including the labelled), of them 20 of other" in plan
    split = json.loads((folder / "run" / "split.json").read_text())
    assert len(split["tasks"]["organs"]["unlabeled_of"]["other"]) == 20
    budget = json.loads((folder / "run" / "results.json").read_text())["budgets"]["organs"]
    assert budget["unlabeled"] == 20 + len(split["tasks"]["organs"]["unlabeled"])
    assert budget["unlabeled_of"] == {"other": 20}
    code, _, err = ssmtl("evaluate", folder / "run", "--source", "organs=other")
    assert code != 0
    assert "trained" in err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[own, other]", "[own, othr]", "unlabeled_from.1: no source is called 'othr' (did you mean 'other'?)"),
        ("[own, other]", "[other, other]", "unlabeled_from.1: names 'other' a second time"),
        ("[own, other]", "other", "tasks.organs.unlabeled_from: should be a list, such as [other]"),
        ("unlabeled_batch: 6", "unlabeled_batch: 1", "names 2 sources, and a step has 1 unlabelled image"),
        ("train: {steps", "norm: domain\ntrain: {steps", "'organs' has unlabelled images of others"),
    ],
)
def test_mistakes_are_named(folder, ssmtl, old, new, said):
    recipe = recipe_of(folder)
    recipe.write_text(recipe.read_text().replace(old, new, 1))
    code, _, err = ssmtl("check", recipe)
    assert code == 2
    assert said in err
