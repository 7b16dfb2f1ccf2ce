"""Each shipped recipe from the command line to its report, at the smallest scale."""

import csv
import json

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file
from tiny_runs import arguments, tasks_of

from ssmtl.registry.plugins import load_plugins

RECIPES = ["multimix", "umtl", "enc_mm"]
VARIANTS = sorted(name for name in load_plugins()["recipe"] if "/" not in name and name not in RECIPES)
TIMES = {"seconds", "rows_per_second"}


def results_of(run):
    return json.loads((run / "results.json").read_text(encoding="utf-8"))


def events_of(run):
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in lines]


@pytest.mark.parametrize("recipe", [*RECIPES, *(pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS)])
def test_the_run_folder_holds_everything_of_the_run(finished, recipe):
    run = finished(recipe)
    tasks = tasks_of(recipe)
    domains = ["in_domain", "cross_domain"]
    assert yaml.safe_load((run / "recipe.yaml").read_text())["name"] == recipe
    split = json.loads((run / "split.json").read_text())["tasks"]
    assert {task: len(split[task]["labeled"]) for task in tasks}.items() <= {"diagnosis": 12, "lungs": 6}.items()
    facts = json.loads((run / "environment.json").read_text())
    assert facts["versions"]["torch"]
    assert facts["command"][1:3] == ["run", recipe]

    events = events_of(run)
    assert [event["step"] for event in events if event["event"] == "step"] == [1, 2, 3]
    parts = [event["part"] for event in events if event["event"] == "evaluated"]
    assert parts == ["validation", *domains * len(tasks)]
    results = results_of(run)
    assert list(results["tasks"]) == tasks
    for task in tasks:
        assert list(results["tasks"][task]) == domains
        assert results["counts"][task]["cross_domain"]["images"] == 12
    if recipe in ("multimix", "umtl"):
        used = [results["budgets"][task]["unlabeled"] > 0 for task in tasks]
        assert used == [recipe == "multimix"] * len(tasks), "umtl uses no unlabelled images"
    if "diagnosis" in tasks:
        assert 0 <= results["tasks"]["diagnosis"]["in_domain"]["accuracy"] <= 1
    if "lungs" in tasks:
        assert 0 <= results["tasks"]["lungs"]["in_domain"]["dice"] <= 1
        assert results["budgets"]["lungs"]["labeled"] == 6

    for which in ("best", "last"):
        with safe_open(run / "weights" / f"{which}.safetensors", "pt") as file:
            facts = json.loads(file.metadata()["ssmtl"])
            assert (facts["recipe_hash"], facts["step"]) == (results["recipe_hash"], "3")
    with (run / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["task"] for row in rows} == set(tasks)
    assert all(row["patient"] for row in rows)
    expected = {f"{task}.{domain}.npz" for task in tasks for domain in domains}
    assert {path.name for path in (run / "predictions").iterdir()} == expected
    assert list((run / "figures").glob("*.png")) or list((run / "figures").glob("*.svg"))
    assert "<html" in (run / "report.html").read_text(encoding="utf-8")
    assert not list(run.rglob("*.part"))


def test_the_dice_of_the_results_is_the_mean_of_the_images(finished):
    run = finished("multimix")
    with (run / "per_image.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["task"], row["metric"]) == ("lungs", "dice")]
    for domain, values in results_of(run)["tasks"]["lungs"].items():
        found = [float(row["value"]) for row in rows if row["domain"] == domain]
        assert values["dice"] == pytest.approx(sum(found) / len(found), abs=1e-5)


def test_one_seed_twice_gives_the_same_numbers_in_another_process(finished, ssmtl, tmp_path):
    first, second = finished("multimix"), tmp_path / "again"
    code, _, error = ssmtl(*arguments("multimix", second), "--quiet")
    assert code == 0, error
    assert events_of(first) == events_of(second)
    before, after = results_of(first), results_of(second)
    assert {**before, "seconds": 0} == {**after, "seconds": 0}
    weights = [load_file(run / "weights" / "last.safetensors") for run in (first, second)]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_a_folder_that_holds_a_run_is_refused_and_left_alone(finished, ssmtl):
    run = finished("multimix")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    code, _, error = ssmtl(*arguments("multimix", run))
    assert code == 2
    assert "already holds a run" in error
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize("recipe", RECIPES)
def test_evaluating_again_reproduces_the_results(finished, ssmtl, recipe, tmp_path):
    run, out = finished(recipe), tmp_path / "again.json"
    code, shown, error = ssmtl("evaluate", run, "--out", out)
    assert code == 0, error
    assert "in_domain" in shown
    nobody = {task: dict.fromkeys(domains, 0) for task, domains in results_of(run)["tasks"].items()}
    found = json.loads(out.read_text())
    assert found.pop("assessed").keys() == found["tasks"].keys()
    assert {**found, "assessed": {}} == {**results_of(run), "excluded": nobody}


def test_evaluating_one_task_on_a_named_source(finished, ssmtl, tmp_path):
    run, out = finished("multimix"), tmp_path / "mcu.json"
    code, _, error = ssmtl("evaluate", run, "--source", "lungs=mcu", "--out", out)
    assert code == 0, error
    found = json.loads(out.read_text())
    assert {task: list(domains) for task, domains in found["tasks"].items() if domains} == {"lungs": ["mcu"]}
    expected = results_of(run)["tasks"]["lungs"]["cross_domain"]
    assert found["tasks"]["lungs"]["mcu"] == pytest.approx(expected)


def test_evaluating_mistakes_are_clear(finished, ssmtl, tmp_path):
    run = finished("multimix")
    for command, message in (
        (("evaluate", run, "--source", "lungs=mcv"), "did you mean 'mcu'"),
        (("evaluate", run, "--source", "lung=mcu"), "did you mean 'lungs'"),
        (("evaluate", tmp_path), "no finished run"),
        (("evaluate", run, "--weights", "first"), "first"),
    ):
        code, _, error = ssmtl(*command)
        assert code == 2, (command, error)
        assert message in error
        assert "Traceback" not in error
