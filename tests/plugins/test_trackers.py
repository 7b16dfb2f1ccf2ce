"""Trackers: what they write, read back by the libraries themselves; what is missing or fails is named."""

import math
import os
import sys
import warnings

import pytest
from tracked import READERS, mlflow_run, recipe_in_tensorboard, wandb_records

from ssmtl import SsmtlError
from ssmtl.registry.options import build
from ssmtl.registry.plugins import load_plugins
from ssmtl.testing.tracker import SAVED, STEPS, STOPPED, step_told, tell, validation_told

PLUGINS = load_plugins()


def made(name, **options):
    return build(PLUGINS["tracker"][name].make, name, options)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of a run that was told to a tracker, stopped, resumed and finished."""
    done = {}

    def write(name):
        if name not in done:
            folder = done[name] = tmp_path_factory.mktemp(name)
            for before, until in ((0, STOPPED), (SAVED, STEPS)):
                tracker = made(name)
                tell(tracker, folder, before, until)
                tracker.close("finished" if until == STEPS else "stopped")
        return done[name]

    return write


def expected(infinite):
    """Every curve, from what was told. :param infinite: how the library keeps an infinite number."""
    curves = {}

    def add(name, step, value):
        curves.setdefault(name, []).append((step, infinite if value == math.inf else value))

    for step in range(1, STEPS + 1):
        event = step_told(step)
        add("loss/total", step, event.total)
        for name, value in event.losses.items():
            add(f"loss/{name}", step, value)
        for name, value in event.diagnostics.items():
            add(f"diagnostics/{name}", step, value)
        add("learning_rate", step, event.learning_rate)
        add("rows_per_second", step, event.rows_per_second)
        if step % 2 == 0:
            result = validation_told(step)
            for name, value in result.values.items():
                add(f"validation/{name}", step, value)
            add("validation/score", step, result.score)
            if result.best:
                add("best/score", step, result.score)
    return curves


def assert_same_curves(actual, wanted):
    assert actual.keys() == wanted.keys()
    for name, points in wanted.items():
        steps, values = zip(*points, strict=True)
        found_steps, found = zip(*actual[name], strict=True)
        assert found_steps == steps, name
        assert found == pytest.approx(values, rel=1e-6, nan_ok=True), name


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_resumed_run_is_one_curve_without_doubled_or_missing_steps(name, written):
    wanted = expected(sys.float_info.max if name == "mlflow" else math.inf)
    last = "summary" if name == "wandb" else STEPS
    wanted |= {"test/in_domain/a.dice": [(last, 0.5)], "best/step": [(last, 4.0)]}
    if name == "mlflow":
        wanted = {key.replace("#", "_").replace(",", "_").replace("(", "_").replace(")", "_"): points
                  for key, points in wanted.items()}  # fmt: skip
    assert_same_curves(READERS[name](written(name)), wanted)


def test_the_recipe_is_text_in_tensorboard(written):
    assert "    name: made up\n    tasks:\n" in recipe_in_tensorboard(written("tensorboard"))


def test_the_recipe_is_parameters_in_mlflow(written):
    _, run = mlflow_run(written("mlflow"))
    assert run.data.params == {
        "name": "made up",
        "tasks.a.head.use": "h",
        "tasks.a.head.classes": "['x', 'y']",
        "tasks.a.augment": "{}",
    }
    assert run.info.status == "FINISHED"


def test_the_recipe_is_the_configuration_in_wandb(written):
    records = list(wandb_records(written("wandb")))
    (run,) = (record for kind, record in records if kind == "run")
    assert {one.key for one in run.config.update} >= {"name", "tasks"}
    assert run.project == "ssmtl"
    assert [record.exit_code for kind, record in records if kind == "exit"] == [0]
    assert str(written("wandb")) not in os.environ.get("WANDB_CACHE_DIR", "")


@pytest.mark.parametrize(("outcome", "status"), [("stopped", "KILLED"), ("failed", "FAILED")])
def test_mlflow_says_how_a_run_ended(outcome, status, written):
    folder = written("mlflow")
    tracker = made("mlflow")
    tell(tracker, folder, SAVED, STOPPED)
    tracker.close(outcome)
    assert mlflow_run(folder)[1].info.status == status


def test_mlflow_begins_another_run_elsewhere(written, tmp_path):
    folder = written("mlflow")
    before = (folder / "mlflow" / "run.json").read_text()
    try:
        tracker = made("mlflow", experiment="another")
        tell(tracker, folder, SAVED, STOPPED)
        tracker.close("stopped")
        client, run = mlflow_run(folder)
        assert client.get_experiment_by_name("another") is not None
        assert run.info.run_id in before
        assert run.info.run_id not in (folder / "mlflow" / "run.json").read_text()
    finally:
        (folder / "mlflow" / "run.json").write_text(before)


@pytest.mark.parametrize(
    ("name", "library"),
    [("tensorboard", "tensorboard"), ("mlflow", "mlflow"), ("mlflow", "sqlalchemy"), ("wandb", "wandb")],
)
def test_a_missing_library_names_the_extra(name, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    for module in [one for one in sys.modules if one.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(SsmtlError, match=rf"the tracker {name} needs .*pip install 'ssmtl\[{name}\]'"):
        made(name)


def test_wandb_sends_nothing_unless_asked():
    assert made("wandb").mode == "offline"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made("wandb", mode="online")  # only made: nothing is sent before a run
