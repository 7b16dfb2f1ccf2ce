"""A run folder's files: where they are, and that reading gives back what was written."""

import json
import math

import pytest
from made_up_run import make_up_run

from ssmtl.errors import RunError
from ssmtl.json_file import read_model, write_model
from ssmtl.runs.files import BestSoFar, Environment, Results
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.log import last_step, read_log


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return RunFolder(make_up_run(tmp_path_factory.mktemp("runs") / "run", steps=12))


def test_every_file_of_a_run_has_a_place(run):
    names = {path.name for path in run.path.iterdir()}
    places = (
        run.recipe, run.split, run.environment, run.log, run.results, run.per_image, run.predictions,
    )  # fmt: skip
    assert names == {path.name for path in places}
    assert run.is_started
    assert run.is_finished


@pytest.mark.parametrize(("name", "model"), [("results", Results), ("environment", Environment)])
def test_what_is_read_is_what_was_written(run, tmp_path, name, model):
    content = read_model(getattr(run, name), model)
    write_model(tmp_path / "again.json", content)
    assert (tmp_path / "again.json").read_bytes() == getattr(run, name).read_bytes()


def test_what_is_not_a_number_is_null_in_the_file_and_nan_again(tmp_path):
    path = tmp_path / "best.json"
    write_model(path, BestSoFar(score=math.nan, step=3, values={"t": {"auroc": math.inf, "f1": 0.5}}))
    assert json.loads(path.read_text())["values"] == {"t": {"auroc": None, "f1": 0.5}}
    best = read_model(path, BestSoFar)
    assert math.isnan(best.values["t"]["auroc"])
    assert best.values["t"]["f1"] == 0.5


def test_keys_that_a_later_version_added_are_kept(run, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({**json.loads(run.results.read_text()), "added": {"later": 1}}))
    write_model(path, read_model(path, Results))
    assert json.loads(path.read_text())["added"] == {"later": 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.pop("tasks"), "results.json: tasks: is missing"),
        (lambda content: content.update(seed="three"), "results.json: seed: .*'three'"),
        (lambda content: content["selected"].update(step=1.5), "results.json: selected.step: .*1.5"),
        (lambda content: content.update(seconds=math.inf), "results.json: seconds: .*finite number, found inf"),
        (lambda content: content.update(seconds=math.nan), "results.json: seconds: .*nan"),
        (lambda content: content.update(seconds=-1.0), "results.json: seconds: .*greater than or equal to 0"),
        (lambda content: content.update(steps=-1), "results.json: steps: .*greater than or equal to 0"),
        (lambda content: content.update(steps=10**30), "results.json: steps: .*less than or equal"),
        (lambda content: content.update(counts={"t": {"in": {"images": -5}}}), r"counts\.t\.in\.images: .*-5"),
        (
            lambda content: content["budgets"]["lungs"].update(val=None),
            "results.json: budgets.lungs.val: should be a whole number, found null",
        ),
    ],
)
def test_a_wrong_key_is_named(run, tmp_path, change, said):
    content = json.loads(run.results.read_text())
    change(content)
    folder = RunFolder(tmp_path)
    folder.results.write_text(json.dumps(content))
    with pytest.raises(RunError, match=said):
        folder.read_results()


def test_a_truncated_log_loses_only_its_last_line(run, tmp_path):
    whole = run.log.read_bytes()
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(whole[:-5])
    assert read_log(path) == read_log(run.log)[:-1]
    assert last_step(path) == 12
    path.write_bytes(b"{no}\n" + whole)
    with pytest.raises(RunError, match="line 1 is not valid JSON"):
        read_log(path)
