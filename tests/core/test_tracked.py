"""Trackers in a recipe: told in order, named when they fail, closed however a run ends; no part of what a run is."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmtl import Tracker, hookimpl
from ssmtl.errors import RecipeError, RunError, SsmtlWarning
from ssmtl.events import Evaluated, RunEnded, RunStarted, StepEnded
from ssmtl.recipe import yaml_file
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.files import Environment
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.log import RunLog, told_in
from ssmtl.runs.observers import observing
from ssmtl.runs.resume import check_recipe, find_unfinished, fixed_digest
from ssmtl.runs.trackers import check_trackers

TOLD = []


class Notebook(Tracker):
    """Remembers what it is told. :param fails_at: the method that raises."""

    def __init__(self, *, fails_at: str = "", refuses: bool = False) -> None:
        if refuses:
            raise ValueError("not like this")
        self.fails_at = fails_at

    def told(self, method, what=None):
        TOLD.append((method.removeprefix("ssmtl_"), what))
        if method == self.fails_at:
            raise OSError("no room")

    def ssmtl_run_started(self, run):
        self.told("ssmtl_run_started", run)

    def ssmtl_step_ended(self, step):
        self.told("ssmtl_step_ended", step)

    def ssmtl_evaluated(self, result):
        self.told("ssmtl_evaluated", result)

    def ssmtl_run_ended(self, run):
        self.told("ssmtl_run_ended", run)

    def close(self, outcome):
        self.told("close", outcome)


class NoTracker:
    pass


class Offering:
    @hookimpl
    def ssmtl_trackers(self):
        return {"no_tracker": NoTracker}


PLUGINS = load_plugins(given=[Notebook, Offering()])
STARTED = RunStarted("run", Path(), 4, {})
STEP = StepEnded(1, 0.5, {"a.b": 0.5}, {}, 0.1, 10.0, 1.0)


def recipe(*trackers, **changes):
    overrides = [f"{key}={value}" for key, value in changes.items()]
    return read("multimix", PLUGINS["recipe"], trackers=trackers, overrides=overrides).validated()


@pytest.fixture(autouse=True)
def _nothing_told():
    TOLD.clear()


@pytest.fixture
def log(tmp_path):
    return RunLog(tmp_path / "metrics.jsonl")


@pytest.mark.parametrize("outcome", ["finished", "stopped", "failed"])
def test_it_is_told_in_order_and_how_the_run_ended(outcome, log):
    try:
        with observing(recipe("notebook"), PLUGINS, [], log) as observers:
            observers.run_started(STARTED)
            observers.step_ended(STEP)
            observers.evaluated(Evaluated(1, "validation", {}))
            if outcome == "failed":
                raise RunError("not finite")
            if outcome == "finished":
                observers.run_ended(RunEnded(Path(), {}, 1.0))
    except RunError:
        assert outcome == "failed"
    ended = ["run_ended"] if outcome == "finished" else []
    assert [name for name, _ in TOLD] == ["run_started", "step_ended", "evaluated", *ended, "close"]
    assert TOLD[-1] == ("close", outcome)


def two_steps(tracker, log):
    with observing(recipe(tracker), PLUGINS, [], log) as observers:
        observers.run_started(STARTED)
        for _ in range(2):
            observers.step_ended(STEP)


@pytest.mark.parametrize("method", ["ssmtl_run_started", "ssmtl_step_ended", "close"])
def test_one_that_fails_is_named_and_left_out_and_still_closed(method, log):
    tracker = {"use": "notebook", "fails_at": method}
    said = f"the tracker 'notebook' failed in {method} .*: no room"
    with pytest.warns(SsmtlWarning, match=said) as shown:
        two_steps(tracker, log)
    assert len(shown) == 1
    assert "test_tracked.py, line" in str(shown[0].message)
    assert "of plugin Notebook" in str(shown[0].message)
    steps = {"ssmtl_run_started": 0, "ssmtl_step_ended": 1, "close": 2}[method]
    assert [name for name, _ in TOLD] == ["run_started", *["step_ended"] * steps, "close"]


def test_a_resumed_run_tells_first_what_its_log_has(log):
    log.step_ended(STEP)
    log.evaluated(Evaluated(1, "validation", {"a.dice": math.nan}, 0.5, best=True))
    log.skipped(2, ("a.b",))
    with observing(recipe("notebook"), PLUGINS, [], log) as observers:
        observers.run_started(STARTED)
        observers.step_ended(STEP)
    assert [name for name, _ in TOLD] == ["run_started", "step_ended", "evaluated", "step_ended", "close"]
    assert TOLD[1][1] == STEP
    assert math.isnan(TOLD[2][1].values["a.dice"])
    assert TOLD[2][1].best


numbers = st.floats(width=32)
named = st.dictionaries(st.text(max_size=8), numbers, max_size=3)
finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=40)
@given(st.integers(1, 10**9), numbers, named, named, finite, st.none() | finite, st.booleans())
def test_the_log_gives_back_what_was_told(tmp_path_factory, step, total, losses, values, rate, score, best):
    log = RunLog(tmp_path_factory.mktemp("run") / "metrics.jsonl")

    def told(number, named):
        yield StepEnded(step, number(total), named(losses), named(values), rate, rate, rate)
        yield Evaluated(step, "validation", named(values), score, best)

    as_told, evaluated = told(float, dict)
    log.step_ended(as_told)
    log.evaluated(evaluated)

    def kept(number):
        return number if math.isfinite(number) else math.nan

    wanted = told(kept, lambda named: {name: kept(number) for name, number in named.items()})
    assert repr(list(told_in(log.path))) == repr(list(wanted))


def test_trackers_do_not_identify_a_recipe():
    plain, tracked = recipe(), recipe("tensorboard", "notebook")
    assert plain.digest() == tracked.digest()
    assert fixed_digest(plain) == fixed_digest(tracked)
    assert "trackers" not in plain.content()
    assert [one["use"] for one in tracked.content()["trackers"]] == ["tensorboard", "notebook"]
    assert recipe(seed=5).digest() != plain.digest()


def test_a_run_is_resumed_with_other_trackers(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "runs" / "multimix" / "one")
    folder.path.mkdir(parents=True)
    before = recipe("tensorboard")
    folder.recipe.write_text(yaml_file.dump(before.content()), encoding="utf-8")
    facts = Environment.model_construct(recipe_fixed=fixed_digest(before), resumed=[])
    monkeypatch.setattr(RunFolder, "read_environment", lambda self: facts)
    for now in (recipe(), recipe({"use": "tensorboard", "flush_every": 3}), recipe("notebook", "wandb")):
        check_recipe(folder, now, force=False)
        assert find_unfinished(folder.path.parent, now) == folder
    with pytest.raises(RunError, match="seed: was 0, is 1"):
        check_recipe(folder, recipe(seed=1), force=False)


def test_a_name_is_added_once_and_options_replace_the_recipes():
    given = {"use": "mlflow", "experiment": "mine"}
    content = {"name": "x", "trackers": ["wandb", given]}
    shipped = PLUGINS["recipe"]
    assert "trackers" not in read({"name": "x"}, shipped).content
    added = read(content, shipped, trackers=["mlflow", "tensorboard"], overrides=["trackers.wandb.project=p"]).content
    assert added["trackers"] == [{"use": "wandb", "project": "p"}, given, {"use": "tensorboard"}]
    replaced = read(content, shipped, trackers=[{"use": "mlflow", "uri": "u"}]).content
    assert replaced["trackers"] == [{"use": "wandb"}, {"use": "mlflow", "uri": "u"}]
    assert content["trackers"] == ["wandb", given]


@pytest.mark.parametrize(
    ("trackers", "where", "what"),
    [
        (["tensorbord"], "trackers.0.use", "no tracker is called 'tensorbord' (did you mean 'tensorboard'?)"),
        ([{"use": "notebook", "fails": "x"}], "trackers.0.fails", "unknown key 'fails' (did you mean 'fails_at'?)"),
        ([{"use": "wandb", "mode": "of"}], "trackers.0.mode", "'offline'"),
        ([{"use": "mlflow", "uri": "./mlruns"}], "trackers.0", "uri is './mlruns'; expected a server or database"),
        ([{"use": "mlflow", "uri": "htp://x"}], "trackers.0", "uri is 'htp://x'; expected a server or database"),
        ([{"use": "mlflow", "uri": "sqlite://"}], "trackers.0", "uri is 'sqlite://'; expected a server or database"),
        ([{"use": "wandb", "project": "a/b"}], "trackers.0", "project is 'a/b'; expected a name without any of"),
        ([{"use": "wandb", "project": ""}], "trackers.0", "project is ''"),
        ([{"use": "notebook", "refuses": True}], "trackers.0", "not like this (test_tracked.py, line"),
        (["no_tracker"], "trackers.0", "is no ssmtl.Tracker, but a <class"),
    ],
)
def test_a_mistake_is_told_with_its_place(trackers, where, what):
    (problem,) = check_trackers(recipe(*trackers), PLUGINS)
    assert problem.where == where
    assert what in str(problem)


def test_the_place_of_one_from_the_command_line_is_its_option():
    text = read({"trackers": ["wandb"]}, PLUGINS["recipe"], trackers=["wandb", "tensorbord"])
    assert text.place("trackers.1.use") == "--tracker tensorbord: trackers.1.use"
    assert text.place("trackers.0.use") == "recipe: trackers.0.use"


def test_two_of_a_kind_are_a_mistake():
    twice = recipe().model_copy(update={"trackers": ["tensorboard", "tensorboard"]})
    (problem,) = check_trackers(twice, PLUGINS)
    assert str(problem) == "trackers.1: 'tensorboard' is there twice (remove one of them)"


def test_a_list_of_something_else_is_a_mistake():
    for wrong in ("tensorboard", 5, [5]):
        with pytest.raises(RecipeError, match="trackers"):
            read("multimix", PLUGINS["recipe"], overrides=[f"trackers={wrong}"]).validated()
