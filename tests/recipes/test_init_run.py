"""Runs that begin with another run's weights."""

import json
import shutil

import pytest
import torch
import yaml
from own_set import write_recipe, write_set

from ssmtl.model.weights import read_tensors
from ssmtl.recipe.load import RecipeText

LABELS, HEAD = "label: finding", "classes: [normal, sick]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("own")
    write_set(made, ("finding",), lambda number: ["sick" if number % 2 else "normal"], count=60)
    write_recipe(made, LABELS, HEAD, "auroc")
    return made


@pytest.fixture
def first(folder, ssmtl):
    """The run whose weights others begin with."""
    if not (folder / "first").exists():
        code, _, err = ssmtl("run", folder / "own.yaml", "--out", folder / "first", "-q")
        assert code == 0, err
    return folder / "first"


def run(ssmtl, folder, name, *settings, seed=0):
    arguments = [part for one in settings for part in ("--set", one)]
    return ssmtl("run", folder / "own.yaml", "--seed", seed, "--out", folder / name, *arguments)


@pytest.fixture(autouse=True)
def _no_page(monkeypatch):
    """Drawing takes longer than training."""
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")


def flip(path):
    """Changes the last bit of the last tensor."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def weights(run, which="last"):
    return read_tensors(run / "weights" / f"{which}.safetensors")


def test_it_begins_with_the_other_runs_weights_and_says_so(folder, first, ssmtl):
    code, out, err = run(ssmtl, folder, "second", f"init={first}", "optimizer.lr=1e-12")
    assert code == 0, err
    assert f"init {first}: backbone: taken; heads.findings: taken; heads.organs: taken" in out
    before, after = weights(first, "best"), weights(folder / "second")
    assert all(torch.allclose(tensor, before[name], atol=1e-7) for name, tensor in after.items())
    facts = json.loads((folder / "second" / "environment.json").read_text())["initial"]
    assert facts["sha256"] == json.loads((first / "results.json").read_text())["weights"]["best"]


def test_it_begins_with_the_last_weights_if_they_are_asked_for(folder, ssmtl):
    several = ("train.steps=4", "train.evaluate_every=1", "optimizer.lr=0.05")
    first = folder / "several"
    code, _, err = run(ssmtl, folder, "several", *several)
    assert code == 0, err
    assert any(not torch.equal(one, weights(first)[name]) for name, one in weights(first, "best").items())
    init = f"init={{run: {first}, weights: last}}"
    code, _, err = run(ssmtl, folder, "from_last", init, "optimizer.lr=1e-12")
    assert code == 0, err
    before, after = weights(first, "last"), weights(folder / "from_last")
    assert all(torch.allclose(tensor, before[name], atol=1e-7) for name, tensor in after.items())
    facts = json.loads((folder / "from_last" / "environment.json").read_text())["initial"]
    assert facts["sha256"] == json.loads((first / "results.json").read_text())["weights"]["last"]
    code, _, err = run(ssmtl, folder, "never", f"init={{run: {first}, weights: newest}}")
    assert code == 2
    assert "init.weights: should be 'best' or 'last', found 'newest'" in err.replace("input ", "")
    code, _, err = run(ssmtl, folder, "never", f"init={{run: {first}, wieghts: last}}")
    assert code == 2
    assert "unknown key 'wieghts' (did you mean 'weights'?)" in err
    assert not (folder / "never").exists()


@pytest.mark.parametrize("init", ["first", {"run": "first"}, {"run": "first", "weights": "best"}])
def test_the_best_weights_are_the_same_recipe_however_they_are_asked_for(folder, init):
    content = yaml.safe_load(write_recipe(folder, LABELS, HEAD, "auroc").read_text())
    recipe = RecipeText({**content, "init": init}, "f").validated()
    assert recipe.content()["init"] == "first"


def test_a_resumed_run_needs_the_other_run_no_more(folder, first, ssmtl):
    gone = folder / "gone"
    shutil.copytree(first, gone)
    for name, steps in (("whole", 4), ("parts", 2)):
        code, _, err = run(ssmtl, folder, name, f"init={gone}", f"train.steps={steps}", "train.evaluate_every=2")
        assert code == 0, err
    shutil.rmtree(gone)
    shutil.rmtree(folder / "parts" / "checkpoints")  # from the start, where the other run's weights were needed
    code, _, err = ssmtl("run", "--resume", folder / "parts", "--force", "--set", "train.steps=4")
    assert code == 0, err
    whole, parts = weights(folder / "whole"), weights(folder / "parts")
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())


def test_who_trained_the_first_run_is_not_scored_by_the_second(folder, first, ssmtl):
    code, _, err = run(ssmtl, folder, "other", f"init={first}", seed=7)
    assert code == 0, err
    assert "left out: they, or whom they show, trained or selected the model of 'init'" in err.replace("\n", " ")
    splits = [json.loads((folder / name / "split.json").read_text())["tasks"] for name in ("first", "other")]
    used = [
        {one for task in split.values() for part in ("labeled", "unlabeled", "val") for one in task[part]}
        for split in splits
    ]
    tested = {one for task in splits[1].values() for one in task["test"]["here"]["ids"]}
    assert not tested & used[0]
    code, _, err = ssmtl("evaluate", folder / "other", "--source", "own", "--out", folder / "again.json")
    assert code == 0, err
    again = json.loads((folder / "again.json").read_text())
    for task in ("findings", "organs"):
        asked = set(splits[1][task]["test"]["here"]["ids"])
        assert again["counts"][task]["own"]["images"] == len(asked - used[0] - used[1]) == len(asked)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda run: shutil.rmtree(run), "init: there is no folder"),
        (lambda run: (run / "results.json").unlink(), "holds no finished run"),
        (lambda run: (run / "weights" / "best.safetensors").write_bytes(b"x"), "cannot be read"),
        (lambda run: flip(run / "weights" / "best.safetensors"), "is not as the run wrote it"),
    ],
)
def test_a_run_that_cannot_be_begun_with_is_refused(folder, first, ssmtl, broken, message):
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(first, copy)
    broken(copy)
    code, _, err = run(ssmtl, folder, "refused", f"init={copy}")
    assert code == 2
    assert message in err
    assert not (folder / "refused").exists()


def test_nothing_taken_is_an_error(folder, first, ssmtl):
    code, _, err = run(ssmtl, folder, "refused", f"init={first}", "backbone.widths=[6, 6, 10, 10, 10]",
                       "tasks.organs.head.widths=[6, 6, 6, 6]")  # fmt: skip
    assert code == 2
    assert "nothing of" in err
    assert "fits this recipe's model: backbone: new" in err
    assert not (folder / "refused").exists()


def test_an_old_recipe_keeps_its_hash(folder, first):
    assert "\ninit" not in (first / "recipe.yaml").read_text()
