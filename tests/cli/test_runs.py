"""`ssmtl runs` and `ssmtl runs diff`: what they print, and what they say of bad input; a run that stops early."""

import csv
import io
import shutil

import pytest
from command_line import TINY, call, process, settings

from ssmtl.json_file import write_model
from ssmtl.runs.files import Selected
from ssmtl.runs.folder import RunFolder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run that stopped early, in `runs/umtl/early`; the same unfinished; one damaged; one with other results."""
    place = tmp_path_factory.mktemp("runs")
    early = place / "runs" / "umtl" / "early"
    small = (f"sources.{name}.{key}" for name in ("chex", "jsrt", "nihx", "mcu") for key in ("images=60", "size=32"))
    patient = ("train.steps=9", "train.evaluate_every=1", "train.early_stopping={patience: 1, min_delta: 1}")
    overrides = settings(*TINY, *patient, *small)
    code, out, err = call("run", "umtl", *overrides, "--out", early, columns=80)
    assert code == 0, err
    (place / "said.txt").write_text(out)
    for name in ("unfinished", "damaged", "other"):
        shutil.copytree(early, place / "runs" / name)
    (place / "runs" / "unfinished" / "results.json").unlink()
    (place / "runs" / "damaged" / "results.json").write_text("{")
    other = RunFolder(place / "runs" / "other")
    results = other.read_results()
    results.tasks["lungs"]["in_domain"]["dice"] += 0.25
    write_model(other.results, results.model_copy(update={"selected": Selected(by="validation", step=2, score=0.9)}))
    return place


def test_a_run_that_stops_early_says_so_before_and_after(runs):
    said = " ".join((runs / "said.txt").read_text().split())
    rule = "the validation score did not improve by more than 1 in 1 evaluation"
    assert f"stopping early, if {rule}" in said
    assert f"Training stopped early, after 2 of 9 steps: {rule}" in said


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits_the_terminal(columns, runs):
    code, out, err = process("runs", columns=columns, cwd=runs)
    assert code == 0, err
    lines = out.splitlines()
    assert all(len(line.rstrip()) <= columns for line in lines if not line.startswith("broken"))
    rows = {words[0]: words for words in map(str.split, lines) if len(words) > 4}
    assert {"finished", "2/9"} <= set(rows["umtl/early"])
    assert "unfinished" in rows["unfinished"]
    assert "broken" in rows["damaged"]
    assert "0.900" in rows["other"]
    assert ("dice" in out.split("more columns")[0]) == (columns == 140)
    assert any(line.startswith("broken: ") and "damaged/results.json" in line for line in lines)
    assert "more columns; --show KEY puts one first" in out


def test_csv_has_every_metric_as_it_is(runs):
    code, out, _ = call("runs", runs / "runs", "--csv", "--show", "optimizer.lr", "--sort", "score", "--reverse")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0]["run"] == "other"
    assert rows[0]["optimizer.lr"] == "0.0005"
    results = RunFolder(runs / "runs" / "other").read_results()
    for task, domains in results.tasks.items():
        for domain, metrics in domains.items():
            for name, value in metrics.items():
                assert float(rows[0][f"test.{task}.{domain}.{name}"] or "nan") == pytest.approx(value, nan_ok=True)
    assert [bool(row["problems"]) for row in rows].count(True) == 1


def test_filters_add_up(runs):
    code, out, _ = call("runs", "list", runs / "runs", "--filter", "state=finished", "--filter", "run=umtl/*")
    assert code == 0
    assert "early" in out
    assert "other" not in out
    code, out, _ = call("runs", runs / "runs", "--filter", "seed=7")
    assert (code, out) == (0, f"none of 4 runs in {runs / 'runs'} is such a run\n")


@pytest.mark.parametrize("columns", [80, 140])
def test_differences_are_shown_and_nothing_else(columns, runs):
    code, out, _ = call("runs", "diff", runs / "runs" / "umtl" / "early", runs / "runs" / "other", columns=columns)
    assert code == 0
    assert "recipe: the same" in out
    assert "code: the same" in out
    assert "data: the same" in out
    row = next(line for line in out.splitlines() if "lungs.in_domain.dice" in line)
    assert row.rstrip().endswith("+0.25")
    assert "jaccard" not in out


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_no_character_of_a_long_value_is_lost(columns, runs):
    """Rich cropped a table whose first column was as wide as its keys."""
    first, second = runs / "runs" / "other", runs / "recipe"
    shutil.copytree(first, second, dirs_exist_ok=True)
    text = (second / "recipe.yaml").read_text()
    (second / "recipe.yaml").write_text(text.replace("min_delta: 1.0", "min_delta: 0.0123456789"))
    code, out, _ = call("runs", "diff", first, second, columns=columns)
    assert code == 0
    assert "0.0123456789" in "".join(out.split())
    (second / "recipe.yaml").write_text(text.replace("early_stopping:", "unknown_key:"))
    lines = call("runs", "diff", first, second, columns=columns)[1].splitlines()
    assert '{"patience":1,"min_delta":1.0}' in "".join("".join(line[columns // 3 :].split()) for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["--filter", "sed=3"], "did you mean 'seed'?"),
        (["--filter", "seed"], "should be KEY=VALUE"),
        (["--sort", "optimiser.lr"], "did you mean 'optimizer.lr'?"),
        (["--show", "dise"], "--show dise: no run has a value of this name"),
        (["diff", "runs/other", "runs"], "runs holds no run (no recipe.yaml)"),
        (["diff", "runs/other", "gone"], "there is no folder gone"),
        (["diff", "runs/damaged", "runs/other"], "runs/damaged is damaged: runs/damaged/results.json: not valid JSON"),
    ],
)
def test_bad_input(arguments, message, runs, monkeypatch):
    monkeypatch.chdir(runs)
    code, out, err = call("runs", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert message in err
    assert len(err.splitlines()) == 1


def test_there_may_be_no_run_yet(tmp_path):
    assert call("runs", tmp_path)[:2] == (0, f"there is no run in {tmp_path}\n")


def test_a_name_cannot_steer_the_terminal(runs, tmp_path):
    name = "red\x1b[31m\u202etxt"
    shutil.copytree(runs / "runs" / "other", tmp_path / name)
    shutil.copytree(runs / "runs" / "damaged", tmp_path / f"broken {name}")
    code, out, _ = call("runs", tmp_path, columns=140)
    assert code == 0
    assert out.count("red\\x1b[31m\\u202etxt") == 3
    assert out.replace("\n", "").isprintable()
    _, _, err = call("evaluate", tmp_path / "gone\x1b[31m")
    assert "gone\\x1b[31m; expected" in err
    assert "\x1b[31m;" not in err
