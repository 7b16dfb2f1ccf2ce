"""Lists of runs: their states and values, damaged folders, choosing and ordering, where two runs differ."""

import json
import random
import shutil
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_run import make_up_run

from ssmtl.errors import RunError
from ssmtl.recipe import yaml_file
from ssmtl.runs.chosen import filtered, ordered
from ssmtl.runs.compared import compare_runs
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.listing import ListedRun, list_runs
from ssmtl.runs.lock import run_lock


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One run."""
    return make_up_run(tmp_path_factory.mktemp("made") / "run", steps=12)


@pytest.fixture
def runs(made, tmp_path):
    """A folder of runs: finished, unfinished, and beside them what is none."""
    for name in ("a/one", "a/two", "b"):
        shutil.copytree(made, tmp_path / "runs" / name)
    (tmp_path / "runs" / "b" / "results.json").unlink()
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "notes.txt").write_text("none")
    return tmp_path / "runs"


def by_name(folder):
    return {run.values["run"]: run for run in list_runs(folder)}


def test_each_run_is_listed_with_its_values(runs):
    found = by_name(runs)
    assert list(found) == ["a/one", "a/two", "b"]
    results = json.loads((runs / "a" / "one" / "results.json").read_text())
    values = found["a/one"].values
    assert (values["recipe"], values["seed"], values["steps"], values["planned"]) == ("multimix", 3, 12, 12)
    assert (values["state"], values["selected"], values["score"]) == ("finished", 8, 0.8412)
    assert values["tasks.lungs.batch"] == 10
    for task, domains in results["tasks"].items():
        for domain, metrics in domains.items():
            for name, value in metrics.items():
                assert values.get(f"test.{task}.{domain}.{name}") == value


def test_an_unfinished_run_has_the_best_values_of_its_log(runs):
    records = [json.loads(line) for line in (runs / "b" / "metrics.jsonl").read_text().splitlines()]
    best = [one for one in records if one["event"] == "evaluated" and one["best"]][-1]
    values = by_name(runs)["b"].values
    assert (values["state"], values["selected"], values["score"]) == ("unfinished", best["step"], best["score"])
    assert {key: values[f"validation.{key}"] for key in best["values"]} == best["values"]
    assert not any(key.startswith("test.") for key in values)


def test_a_run_that_a_process_works_on_is_running(runs):
    with run_lock(RunFolder(runs / "b")), run_lock(RunFolder(runs / "a" / "one")):
        found = by_name(runs)
    assert found["b"].values["state"] == "running"
    assert found["a/one"].values["state"] == "finished", "it is, whoever reads it"
    assert by_name(runs)["b"].values["state"] == "unfinished"


def test_the_start_is_recorded_or_taken_from_the_split(runs):
    environment = runs / "a" / "two" / "environment.json"
    content = json.loads(environment.read_text())
    environment.write_text(json.dumps({**content, "started": "1999-12-31T23:00:00-02:00"}))
    found = list_runs(runs)
    assert found[0].values["run"] == "a/two"
    assert found[0].values["date"] == "2000-01-01T01:00:00+00:00"
    assert "date" in found[1].values


FILES = ("recipe.yaml", "results.json", "environment.json", "metrics.jsonl")


def damage(path, how):
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "link":
        path.symlink_to("/dev/zero")
    elif how != "gone":
        path.write_bytes({"bytes": b"\xff\xfe\x00", "text": b"]", "list": b"[1, {}]\n[2]\n", "empty": b""}[how])


@pytest.mark.parametrize("how", ["folder", "link", "bytes", "text", "list", "empty"])
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_run_is_listed_as_such_beside_the_others(file, how, runs):
    damage(runs / "b" / file if file == "metrics.jsonl" else runs / "a" / "one" / file, how)
    found = by_name(runs)
    assert set(found) == {"a/one", "a/two", "b"}
    states = {name: run.values["state"] for name, run in found.items()}
    assert states.pop("a/two") == "finished"
    broken = states["b" if file == "metrics.jsonl" else "a/one"] == "broken"
    harmless = (file, how) in {("metrics.jsonl", "empty"), ("metrics.jsonl", "text")}
    assert broken != harmless, states
    for run in found.values():
        assert bool(run.problems) == (run.values["state"] == "broken")
        assert all("\n" not in problem for problem in run.problems)


def test_a_run_without_a_recipe_is_broken(runs):
    (runs / "b" / "recipe.yaml").unlink()
    run = by_name(runs)["b"]
    assert run.values["state"] == "broken"
    assert "has no recipe.yaml" in run.problems[0]


def test_a_run_is_listed_by_itself_and_no_folder_is_an_error(runs):
    assert [run.values["run"] for run in list_runs(runs / "b")] == ["b"]
    with pytest.raises(RunError, match="there is no folder"):
        list_runs(runs / "c")


VALUES = st.one_of(st.none(), st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["a", "b", "ab"]))


def lines(values):
    pairs = enumerate(values)
    return [ListedRun(None, {"run": str(number)} | ({} if value is None else {"x": value})) for number, value in pairs]


@given(st.lists(VALUES, min_size=1, max_size=12), st.booleans())
def test_order(values, reverse):
    runs = lines([*values, 0])
    got = [run.values.get("x") for run in ordered(runs, "x", reverse=reverse)]
    numbers = sorted((one for one in (*values, 0) if isinstance(one, int | float)), reverse=reverse)
    words = sorted((one for one in values if isinstance(one, str)), reverse=reverse)
    missing = [None] * values.count(None)
    assert got == [*(words + numbers if reverse else numbers + words), *missing]


@given(st.lists(VALUES, min_size=1, max_size=12), st.sampled_from(["1", "1.0", "-2", "a", "a*", "*", "1e0"]))
def test_conditions(values, wanted):
    got = [run.values["run"] for run in filtered(lines([*values, 1]), [f"x={wanted}"])]
    expected = []
    for number, value in enumerate([*values, 1]):
        if isinstance(value, str):
            met = fnmatchcase(value, wanted)
        else:
            met = value is not None and wanted.lstrip("-")[0].isdigit() and value == float(wanted)
        if met:
            expected.append(str(number))
    assert got == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("seed", "KEY=VALUE"),
        ("=3", "KEY=VALUE"),
        ("sed=3", "did you mean 'seed'"),
        ("dice=1", r"did you mean 'test\.lungs"),
    ],
)
def test_a_wrong_condition(condition, message, runs):
    with pytest.raises(RunError, match=message):
        filtered(list_runs(runs), [condition])


def edited(folder, file, change):
    path = folder / file
    content = yaml_file.read_mapping(path) if file.endswith("yaml") else json.loads(path.read_text())
    change(content)
    path.write_text(yaml_file.dump(content) if file.endswith("yaml") else json.dumps(content))


def test_where_two_runs_differ(runs):
    one, other = runs / "a" / "one", runs / "a" / "two"
    same = compare_runs(one, other)
    assert not any(same.parts().values())
    assert same.same["results"] == 4 + 14

    def recipe(content):
        content["train"]["steps"] = 99
        content["tasks"]["lungs"]["strategies"].append({"use": "kl_consistency"})

    edited(other, "recipe.yaml", recipe)
    edited(other, "environment.json", lambda facts: facts.update(commit="abc", code_version="1f"))
    edited(other, "split.json", lambda split: split["fingerprints"].update(chex="changed"))
    edited(other, "results.json", lambda results: results["tasks"]["lungs"]["in_domain"].update(dice=0.5))
    found = compare_runs(one, other)
    assert dict(found.recipe) == {
        "train.steps": (12, 99),
        "tasks.lungs.strategies.kl_consistency": (None, {"use": "kl_consistency"}),
    }
    assert found.code["code_version"] == (None, "1f")
    assert set(found.code) == {"commit", "code_version"}
    assert [second for _, second in found.data.values()] == ["changed"]
    assert [(key, second) for key, (_, second) in found.results.items()] == [("test.lungs.in_domain.dice", 0.5)]
    back = compare_runs(other, one)
    assert {key: pair[::-1] for key, pair in back.recipe.items()} == dict(found.recipe)


def test_strategies_in_another_order_are_a_difference(runs):
    one, other = runs / "a" / "one", runs / "a" / "two"
    names = ["cross_entropy", "fixmatch", "mixmatch"]
    for folder in (one, other):
        strategies = [{"use": name} for name in names]
        edited(folder, "recipe.yaml", lambda recipe, own=strategies: recipe["tasks"]["lungs"].update(strategies=own))
        random.Random(1).shuffle(names)
    assert compare_runs(one, other).recipe


@pytest.mark.parametrize("folder", ["a", "gone", "empty"])
def test_what_is_no_run_cannot_be_compared(folder, runs):
    with pytest.raises(RunError, match=r"holds no run|there is no folder"):
        compare_runs(runs / "b", runs / folder)
