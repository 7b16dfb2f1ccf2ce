"""Unlabelled images of another source, from a recipe to results, and to what may be scored afterwards."""

import json

import pytest
from own_set import write_recipe, write_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("own")
    write_set(made, ("finding",), lambda number: ["sick" if number % 8 < 3 else "normal"])
    write_set(made / "other", ("finding",), lambda number: ["sick"], count=20, size=(32, 40))
    return made


def test_a_run_learns_from_another_sets_images_and_none_of_its_people_is_scored(folder, ssmtl, monkeypatch):
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")
    other = f"other: {{use: manifest, root: {folder}/other, label: finding, masks: {{lung: lung}}, patient: patient}}"
    replaced = {
        "val: 0.3, test: 0.3}": f"val: 0.3, test: 0.3, unlabeled: [other]}}\n  {other}",
        "strategies: [{use: soft_dice}]": "labeled: 4\n    unlabeled_batch: 20\n"
        "    strategies: [{use: soft_dice}, {use: kl_consistency}]",
    }
    recipe = write_recipe(folder, "label: finding", "classes: [normal, sick]", "auroc", **replaced)
    code, _, err = ssmtl("run", recipe, "--out", folder / "run")
    assert code == 0, err
    split = json.loads((folder / "run" / "split.json").read_text())
    lent = [one for one in split["tasks"]["organs"]["unlabeled"] if one.startswith("other/")]
    assert len(lent) == 20
    assert json.loads((folder / "run" / "results.json").read_text())["budgets"]["organs"]["unlabeled"] == len(
        split["tasks"]["organs"]["unlabeled"]
    )
    code, _, err = ssmtl("evaluate", folder / "run", "--source", "organs=other")
    assert code != 0
    assert "other" in err
    assert "trained" in err
