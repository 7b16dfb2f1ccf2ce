"""A recipe with folds, from the command to its page."""

import csv
import json
import shutil

import numpy as np
import pytest
from own_set import write_recipe, write_set

LABELS, HEAD = "label: finding", "classes: [normal, sick]"


@pytest.fixture(autouse=True)
def _no_page(monkeypatch):
    """Drawing each run's figures takes longer than training."""
    monkeypatch.setattr("ssmtl.reports.write_report", lambda folder, **_: folder / "report.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("own")
    write_set(made, ("finding",), lambda number: ["sick" if number % 2 else "normal"], count=30)
    write_recipe(made, LABELS, HEAD, "auroc, accuracy")
    return made


def run(ssmtl, folder, *more):
    return ssmtl("run", folder / "own.yaml", "--set", "folds=3", "--out", folder / "folds", *more)


def test_one_run_for_each_fold_and_their_mean_and_spread(folder, ssmtl):
    code, out, err = run(ssmtl, folder)
    assert code == 0, err
    assert "fold 2 of 3" in out
    assert "mean ± SD over 3 folds" in out
    runs = [folder / "folds" / f"fold-{number}" for number in (1, 2, 3)]
    results = [json.loads((one / "results.json").read_text()) for one in runs]
    tested = [json.loads((one / "split.json").read_text())["tasks"]["findings"]["test"]["here"]["ids"] for one in runs]
    assert sorted(one for ids in tested for one in ids) == sorted(f"images/{number}.png" for number in range(30))
    for row in csv.DictReader((folder / "folds" / "folds.csv").open()):
        values = [one["tasks"][row["task"]][row["domain"]][row["metric"]] for one in results]
        assert [float(row[f"fold_{number}"]) for number in (1, 2, 3)] == pytest.approx(values, rel=1e-4)
        assert float(row["mean"]) == pytest.approx(np.mean(values), rel=1e-4)
        assert float(row["std"]) == pytest.approx(np.std(values, ddof=1), rel=1e-3, abs=1e-6)
    page = (folder / "folds" / "report.html").read_text()
    assert 'href="fold-3/report.html"' in page
    assert "3 folds, seed 0" in page


def test_folds_go_on_where_they_stopped(folder, ssmtl):
    before = (folder / "folds" / "folds.csv").read_text()
    for name in ("results.json", "per_image.csv"):
        (folder / "folds" / "fold-2" / name).unlink()
    (folder / "folds" / "folds.csv").unlink()
    code, out, err = run(ssmtl, folder)
    assert code == 2
    assert "already holds folds; go on with them with --resume auto" in err
    code, out, err = ssmtl("run", "--resume", folder / "folds")
    assert code == 2
    assert f"holds folds: they go on with their recipe, --out {folder / 'folds'} and --resume auto" in err
    code, out, err = run(ssmtl, folder, "--resume", "auto")
    assert code == 0, err
    assert out.count("is finished: nothing to do") == 2
    assert (folder / "folds" / "folds.csv").read_text() == before
    code, out, err = ssmtl("report", folder / "folds")
    assert code == 0, err


def test_a_page_of_folds_of_which_one_is_not_finished(folder, ssmtl):
    results = folder / "folds" / "fold-3" / "results.json"
    content = results.read_bytes()
    results.unlink()
    code, _, err = ssmtl("report", folder / "folds")
    results.write_bytes(content)
    assert code == 2
    assert "fold-3" in err


def test_a_fold_in_the_place_of_another_is_refused(folder, ssmtl, tmp_path):
    shutil.copytree(folder / "folds", tmp_path / "folds")
    shutil.rmtree(tmp_path / "folds" / "fold-1")
    shutil.copytree(tmp_path / "folds" / "fold-2", tmp_path / "folds" / "fold-1")
    before = (tmp_path / "folds" / "folds.csv").read_bytes()
    code, _, err = ssmtl("report", tmp_path / "folds")
    assert code == 2
    assert "fold-1 is not fold 1 of 3 with seed 0" in err
    assert (tmp_path / "folds" / "folds.csv").read_bytes() == before


def test_a_fold_of_another_recipe_is_refused(folder, ssmtl, tmp_path):
    shutil.copytree(folder / "folds", tmp_path / "folds")
    shutil.rmtree(tmp_path / "folds" / "fold-2")
    code, _, err = run(
        ssmtl, folder, "--set", "fold=2", "--set", "optimizer.lr=0.5", "--out", tmp_path / "folds" / "fold-2"
    )
    assert code == 0, err
    code, _, err = ssmtl("report", tmp_path / "folds")
    assert code == 2
    assert "fold-2 is of another recipe than fold 1" in err


def test_a_refused_command_leaves_the_record_of_finished_folds(folder, ssmtl):
    before = (folder / "folds" / "folds.json").read_bytes()
    code, _, err = run(ssmtl, folder, "--set", "folds=5", "--resume", "auto")
    assert code == 2
    assert "3 folds and seed 0, not of" in err
    assert (folder / "folds" / "folds.json").read_bytes() == before


def test_a_run_has_a_folder_of_its_own(folder, ssmtl):
    code, _, err = ssmtl("run", folder / "own.yaml", "--out", folder / "folds")
    assert code == 2
    assert "folds is the folder of a cross-validation (folds.json)" in err
    assert not (folder / "folds" / "recipe.yaml").exists()


def test_folds_that_were_refused_do_not_keep_others_out(folder, ssmtl):
    there = folder / "refused"
    code, _, err = run(ssmtl, folder, "--set", "folds=40", "--out", there)
    assert code == 2
    assert not (there / "folds.json").exists(), err
    code, _, err = run(ssmtl, folder, "--out", there, "--set", "train.steps=2")
    assert code == 0, err


def test_one_fold_is_an_ordinary_run(folder, ssmtl):
    code, out, err = run(ssmtl, folder, "--set", "fold=2", "--out", folder / "second")
    assert code == 0, err
    assert "fold 2 of 3" in out
    one, other = (
        json.loads((folder / name / "results.json").read_text())["tasks"] for name in ("second", "folds/fold-2")
    )
    assert one == other


@pytest.mark.parametrize(
    ("more", "message"),
    [(["--resume", "auto"], None), (["--set", "fold=4"], "--set fold=4: should be a number from 1 to 3, found 4")],
)
def test_what_cannot_be_done_with_folds(folder, ssmtl, more, message):
    code, _, err = ssmtl("run", folder / "own.yaml", "--set", "folds=3", *more)
    assert code == 2
    assert (message or "folds are resumed with --resume auto and --out") in err
