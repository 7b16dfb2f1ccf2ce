"""A search over made-up runs: proposals, comparisons, budgets, interruptions, what is written."""

import csv
import json
import math
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_up_trials import (
    EVERY,
    LR,
    PLUGINS,
    SEARCHED,
    STEPS,
    KilledError,
    MadeUpRuns,
    facts,
    recipe_text,
    score_of,
    searched,
    space,
    study,
)

from ssmtl.errors import RecipeError, RunError
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.training import Train
from ssmtl.tuning.budget import check_budget
from ssmtl.tuning.proposals import proposals
from ssmtl.tuning.rungs import rungs_of, survivors
from ssmtl.tuning.searched_recipe import SearchedRecipe
from ssmtl.tuning.space_file import Pruner, space_of
from ssmtl.tuning.trial import Trial

KINDS = [
    {"pruner": "halving", "trials": 6},
    {"pruner": "halving", "seeds": [3, 1], "ahead": 3, "trials": 5},
    {"pruner": {"use": "median", "startup": 2, "at": [20, 60]}, "sampler": {"use": "tpe", "startup": 3}, "trials": 7},
    {"sampler": "random", "trials": 5},
    {"sampler": "grid", "parameters": {"train.clip": {"low": 1, "high": 9, "step": 2}}, "trials": 4},
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Each kind of search without interruption."""
    return [searched(tmp_path_factory.mktemp("whole"), space(**kind)) for kind in KINDS]


@given(kind=st.integers(0, len(KINDS) - 1), stops=st.lists(st.integers(0, 9), max_size=4))
@example(kind=0, stops=[5, 1, 5])  # between the first comparison and the second, and after the second
@settings(max_examples=6, deadline=None)
def test_a_search_is_the_same_wherever_it_is_interrupted_and_in_whatever_order_runs_end(whole, kind, stops):
    asked, reverse = space(**KINDS[kind]), False
    with TemporaryDirectory() as folder:
        for ends in stops:
            reverse = not reverse
            try:
                searched(folder, asked, MadeUpRuns(ends, reverse=reverse))
            except KilledError:
                assert len(study(folder, asked)._record().trials) <= asked.trials
        assert facts(searched(folder, asked)) == facts(whole[kind])


def test_a_finished_search_does_nothing_more(tmp_path):
    first = searched(tmp_path, space())
    idle = MadeUpRuns()
    assert facts(searched(tmp_path, space(), idle)) == facts(first)
    assert idle.trained == []


def test_another_seed_proposes_other_values(tmp_path):
    one, other = (searched(tmp_path / str(seed), space(seed=seed, trials=1)) for seed in (0, 1))
    assert one.trials[0].parameters != other.trials[0].parameters


def test_tpe_learns_where_the_best_is(tmp_path):
    """The median distance from the best learning rate, of the trials after those at random."""
    record = searched(tmp_path, space(trials=30))
    away = [abs(math.log10(one.parameters[LR]) + 3) for one in record.trials]
    assert np.median(away[15:]) < 0.6 * np.median(away[:10])


def test_halving_keeps_the_best_of_each_round_as_an_independent_count_says(tmp_path):
    record = searched(tmp_path, space(trials=8, pruner="halving", ahead=4))
    recipe = SEARCHED.recipe.content()
    for start in (0, 4):
        trials = record.trials[start : start + 4]
        scores = np.array([score_of({**recipe, "optimizer": {"lr": one.parameters[LR]}}, 0, 20) for one in trials])
        ranks = (-scores).argsort().argsort()
        assert [one.pruned_at for one in trials] == [[None, 40, 20, 20][rank] for rank in ranks]
        assert [one.state for one in trials] == [["finished", *["pruned"] * 3][rank] for rank in ranks]
    assert record.steps == 2 * (20 + 20 + 40 + 80)
    assert record.best.value == max(one.value for one in record.trials if one.state == "finished")


def test_the_value_is_the_mean_over_the_seeds(tmp_path):
    record = searched(tmp_path, space(trials=1, seeds=[2, 5]))
    (one,) = record.trials
    recipe = {"optimizer": {"lr": one.parameters[LR]}}
    assert one.value == pytest.approx(np.mean([score_of(recipe, seed, STEPS) for seed in (2, 5)]))
    assert [name[5:7] for name in one.runs] == ["s2", "s5"]
    assert one.steps == 2 * STEPS


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=9), factor=st.integers(2, 4))
def test_halving_keeps_one_in_factor_and_no_worse_one(values, factor):
    scores = dict(enumerate(values))
    kept = survivors(Pruner(use="halving", factor=factor), scores, 10, ())
    assert len(kept) == -(-len(values) // factor)
    assert min(scores[one] for one in kept) >= max([scores[one] for one in scores.keys() - kept], default=0)


@given(values=st.lists(st.floats(0, 1), max_size=9), before=st.lists(st.floats(0, 1), max_size=9))
def test_the_median_rule_ends_whatever_is_below_the_median_of_earlier_rounds(values, before):
    earlier = [Trial(number=place, round=0, parameters={}, scores={"10": score}) for place, score in enumerate(before)]
    kept = survivors(Pruner(use="median", startup=4), dict(enumerate(values)), 10, earlier)
    limit = np.quantile(before, 0.5) if len(before) >= 4 else -1
    assert kept == {place for place, score in enumerate(values) if score >= limit}


@given(factor=st.integers(2, 5), rungs=st.integers(1, 4), steps=st.integers(2, 500), every=st.integers(1, 100))
def test_rungs_are_validated_and_before_the_end(factor, rungs, steps, every):
    pruner, train = Pruner(use="halving", factor=factor, rungs=rungs), Train(steps=steps, evaluate_every=every)
    if every >= steps:
        with pytest.raises(RecipeError, match="no trial can end early"):
            rungs_of(pruner, train, "space.yaml")
        return
    try:
        found = rungs_of(pruner, train, "space.yaml")
    except RecipeError:
        assert steps / factor > every * ((steps - 1) // every)
        return
    assert found == sorted(set(found))
    assert all(step % every == 0 and 0 < step < steps for step in found)
    assert len(found) <= rungs


@given(budget=st.integers(80, 500), pruned=st.booleans())
@settings(max_examples=4, deadline=None)
def test_a_budget_of_steps_is_never_exceeded_and_pruning_buys_more_trials(budget, pruned):
    asked = space(trials=None, steps=budget, pruner="halving" if pruned else "none")
    with TemporaryDirectory() as folder:
        runs = MadeUpRuns()
        record = searched(folder, asked, runs)
    assert budget - STEPS < record.steps <= budget
    if not pruned:
        assert len(record.trials) == budget // STEPS


def test_failed_trials_end_and_the_search_goes_on_within_its_budget(tmp_path):
    runs = MadeUpRuns(fails=lambda recipe: recipe["optimizer"]["lr"] > 1e-3)
    record = searched(tmp_path, space(trials=None, steps=5 * STEPS, pruner="halving"), runs)
    failed = [one for one in record.trials if one.state == "failed"]
    assert failed
    assert all("not finite" in one.error and one.value is None for one in failed)
    assert all((one.state == "failed") == (one.parameters[LR] > 1e-3) for one in record.trials)
    assert record.best is not None
    rows = list(csv.DictReader((tmp_path / "trials.csv").open()))
    assert [row["error"] for row in rows if row["state"] == "failed"] == ["RunError: not finite"] * len(failed)
    assert facts(searched(tmp_path, space(trials=None, steps=5 * STEPS, pruner="halving"))) == facts(record)


def test_a_search_in_which_all_fail_ends_and_has_no_best(tmp_path):
    record = searched(tmp_path, space(trials=None, steps=4 * STEPS), MadeUpRuns(fails=lambda recipe: True))
    assert ([one.state for one in record.trials], record.best) == (["failed"] * 4, None)
    assert not (tmp_path / "best.yaml").exists()


def test_values_that_are_fine_alone_and_make_no_recipe_together_fail_their_trial(tmp_path):
    """Three means fit three channels, one channel fits one mean."""
    parameters = {"image.channels": {"choices": [3, 1]}, "image.mean": {"choices": [[0.5], [0.4, 0.5, 0.6]]}}
    asked, text = space(parameters=parameters, trials=4, sampler="grid"), recipe_text("image.channels=3")
    recipe = SearchedRecipe(text.validated(), text, PLUGINS)
    recipe.check(asked, "space.yaml")
    record = searched(tmp_path, asked, recipe=recipe)
    together = {"image.channels": 1, "image.mean": [0.4, 0.5, 0.6]}
    assert [one.parameters for one in record.trials if one.state == "failed"] == [together]
    assert [one.state for one in record.trials].count("finished") == 3
    (error,) = [one.error for one in record.trials if one.error]
    assert "'mean' has 3 values for 1 channels" in error


def test_the_best_recipe_is_the_searched_one_with_the_best_values(tmp_path):
    record = searched(tmp_path, space())
    text = (tmp_path / "best.yaml").read_text()
    found = RecipeText(yaml.safe_load(text), "best.yaml").validated().content()
    expected = SEARCHED.recipe.content()
    expected["optimizer"]["lr"] = record.best.parameters[LR]
    expected["train"]["clip"] = record.best.parameters["train.clip"]
    assert found == expected
    assert f"# Trial {record.best.number} " in text
    assert "10 trials (10 finished), 800 steps" in text


def test_a_grid_visits_every_point_once_and_needs_no_optuna(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    parameters = {LR: {"choices": [1e-3, 1e-4]}, "train.clip": {"low": 0.5, "high": 1.5, "step": 0.5}}
    record = searched(tmp_path, space(sampler="grid", trials=None, parameters=parameters))
    seen = sorted((one.parameters[LR], one.parameters["train.clip"]) for one in record.trials)
    assert seen == [(lr, clip) for lr in (1e-4, 1e-3) for clip in (0.5, 1.0, 1.5)]
    with pytest.raises(RunError, match=r"pip install 'ssmtl\[tune\]'"):
        proposals(space(), (), 1)


@given(
    low=st.integers(-5, 5), wide=st.integers(1, 9), log=st.booleans(), whole=st.booleans(), step=st.none() | st.just(1),
    sampler=st.sampled_from(["tpe", "random"]), seed=st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_proposals_are_inside_the_space_and_the_same_again(low, wide, log, whole, step, sampler, seed):
    kind = int if whole else float
    numbers = {"low": kind(low), "high": kind(low + wide), **({"step": kind(step)} if step else {}), "log": log}
    content = {
        "parameters": {"a": numbers, "b": {"choices": [1, True, [2]]}},
        "trials": 9,
        "sampler": sampler,
        "seed": seed,
    }
    if log and (low <= 0 or step):
        with pytest.raises(RecipeError, match="log: low should be above 0"):
            space_of(content, "space.yaml")
        return
    asked = space_of(content, "space.yaml")
    earlier = []
    for place in range(2):
        found = proposals(asked, earlier, 3)
        assert found == proposals(asked, earlier, 3)
        for one in found:
            assert type(one["a"]) is kind
            assert low <= one["a"] <= low + wide
            assert step is None or one["a"] == round(one["a"])
            assert repr(one["b"]) in ("1", "True", "[2]")
        states = ("finished", "pruned", "failed")
        earlier += [
            Trial(number=3 * place + number, round=place, parameters=one, state=state, value=0.5, scores={"10": 0.5})
            for number, (one, state) in enumerate(zip(found, states, strict=True))
        ]


def test_no_trial_repeats_another_while_there_is_something_new():
    parameters = {"a": {"choices": [1, True, None]}, "b": {"low": 1, "high": 4}}
    for sampler in ("random", {"use": "tpe", "startup": 2}):
        asked = space(parameters=parameters, sampler=sampler, trials=9)
        earlier = []
        for place in range(3):
            more = proposals(asked, earlier, 3)
            earlier += [
                Trial(number=len(earlier) + number, round=place, parameters=one, state="finished", value=0.5)
                for number, one in enumerate(more)
            ]
        assert len({repr(one.parameters) for one in earlier}) == 9


MISTAKES = [
    ({"parameters": {"optimizer.lrr": {"low": 1.0, "high": 2.0}}}, "parameters.optimizer.lrr", "did you mean 'lr'"),
    ({"parameters": {LR: {"low": -1.0, "high": 2.0}}}, "space.yaml: parameters.optimizer.lr", "greater than 0"),
    ({"parameters": {"tasks.diagnoses.batch": {"choices": [1]}}}, "tasks.diagnoses.batch", "did you mean 'diagnosis'"),
    ({"parameters": {"tasks.diagnosis.labeled": {"choices": [5]}}}, "tasks.diagnosis.labeled", "could not be compared"),
    ({"parameters": {"train.steps": {"choices": [5]}}}, "parameters.train.steps", "could not be compared"),
    ({"parameters": {"sources.chex.images": {"choices": [5]}}}, "sources.chex.images", "could not be compared"),
    ({"parameters": {"backbone.use": {"choices": ["multimix_encoderr"]}}}, "backbone.use", "'multimix_encoder'"),
    ({"parameters": {LR: {"low": 2.0, "high": 1.0}}}, "parameters.optimizer.lr", "low should be less than high"),
    ({"parameters": {LR: {"low": 1.0}}}, "parameters.optimizer.lr", "low: NUMBER, high: NUMBER"),
    ({"parameters": {LR: {"low": "a", "high": 1.0}}}, "parameters.optimizer.lr.low", "should be a number"),
    ({"parameters": {LR: {"lo": 1.0, "high": 1.0}}}, "parameters.optimizer.lr.lo", "did you mean 'low'"),
    ({"parameters": {LR: {"choices": [1.0, 1.0]}}}, "parameters.optimizer.lr", "once"),
    ({"parameters": {LR: {"choices": [1.0], "low": 1.0}}}, "parameters.optimizer.lr", "'low' is beside choices"),
    ({"parameters": {LR: {"low": 0.0, "high": 1.0, "step": 0.3}}}, "parameters.optimizer.lr", "whole steps"),
    ({"parameters": {}}, "space.yaml: parameters", "should have at least 1 item"),
    ({"parameters": {"train": {"choices": [{"steps": 5}]}}}, "space.yaml: parameters.train", "more than one value"),
    ({"parameters": {LR: {"choices": [1.0]}, "optimizer": {"choices": [{"use": "adam", "lr": 0.1}]}}},
     "space.yaml: parameters.optimizer", "overlaps with 'optimizer.lr'"),
    ({"parameters": {f"tasks.diagnosis.strategies.{one}.weight": {"choices": [1, 2]} for one in (0, "cross_entropy")}},
     "parameters.tasks.diagnosis.strategies.cross_entropy.weight", "overlaps with 'tasks.diagnosis.strategies.0"),
    ({"trials": None}, "space.yaml", "'trials', 'steps', or both"),
    ({"trials": 0}, "space.yaml: trials", "greater than 0"),
    ({"sampler": "tpee"}, "space.yaml: sampler.use", "'tpe', 'random' or 'grid'"),
    ({"sampler": {"use": "random", "startup": 3}}, "space.yaml: sampler", "'startup' is no option of 'random'"),
    ({"pruner": {"use": "none", "factor": 3}}, "space.yaml: pruner", "'factor' is no option of 'none'"),
    ({"pruner": {"use": "median", "at": [15]}}, "space.yaml: pruner.at", f"multiples of train.evaluate_every, {EVERY}"),
    ({"sampler": "grid"}, "space.yaml", "parameters.optimizer.lr: a grid needs"),
    ({"seeds": [1, 1]}, "space.yaml: seeds", "once"),
    ({"steps": STEPS - 1}, "space.yaml: steps", f"train.steps × seeds = {STEPS}"),
    ({"trails": 3}, "space.yaml: trails", "did you mean 'trials'"),
]  # fmt: skip


def checked(**changes):
    asked = space(**changes)
    SEARCHED.check(asked, "space.yaml")
    rungs_of(asked.pruner, SEARCHED.recipe.train, "space.yaml")
    check_budget(asked, STEPS, "space.yaml")


@pytest.mark.parametrize(("changes", "place", "words"), MISTAKES, ids=[f"{one[1]}-{one[2][:20]}" for one in MISTAKES])
def test_a_mistake_in_a_space_names_its_file_and_key_and_what_was_expected(changes, place, words):
    with pytest.raises(RecipeError) as caught:
        checked(**changes)
    (problem,) = caught.value.problems
    assert place in problem.where
    assert words in str(problem)


@pytest.mark.parametrize("changes", [{"seed": 1}, {"pruner": "halving"}, {"seeds": [1]}, {"ahead": 2}])
def test_a_folder_of_another_search_is_refused(tmp_path, changes):
    searched(tmp_path, space(trials=2))
    with pytest.raises(RunError, match=f"holds another search:\n  space.{next(iter(changes))}"):
        searched(tmp_path, space(trials=2, **changes))


def test_a_larger_budget_goes_on_with_the_search(tmp_path):
    first = searched(tmp_path, space(trials=4))
    more = searched(tmp_path, space(trials=7))
    assert facts(more)[:4] == facts(first)
    assert len(more.trials) == 7


def test_a_folder_of_something_else_a_link_and_a_second_process_are_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"holds no search, but notes\.txt"):
        searched(tmp_path / "mine", space())
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    one = study(tmp_path / "out", space())
    with one.opened(), pytest.raises(RunError, match="another process searches in"):
        searched(tmp_path / "out", space())
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    with pytest.raises(RunError, match="is a link"):
        searched(tmp_path / "out", space())


def test_a_damaged_record_is_one_error(tmp_path):
    searched(tmp_path, space(trials=2))
    path = tmp_path / "study.json"
    good = path.read_text()
    record = json.loads(good)
    record["trials"][1]["parameters"][LR] = 5.0
    for bad, words in (
        (good[:-5], "not valid JSON"),
        (good.replace('"number": 1', '"number": 2'), "numbered from 0"),
        (json.dumps(record), "trials.1.parameters.optimizer.lr: 5.0 is not in the space"),
        ("[]", r"study.json: should be keys with values"),
    ):
        path.write_text(bad)
        with pytest.raises(RunError, match=words):
            searched(tmp_path, space(trials=2))
