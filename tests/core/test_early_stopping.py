"""Early stopping: when it ends a run, against an oracle; and in the recipe."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmtl.errors import RecipeError
from ssmtl.recipe.load import read
from ssmtl.recipe.training import EarlyStopping, Train
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.early_stopping import is_over, stopped_early, waited_after, why_stopped
from ssmtl.runs.files import Results, Selected, Waited

SCORES = st.lists(st.one_of(st.none(), st.integers(0, 8).map(lambda number: number / 8)), max_size=30)


def first_end(scores, patience, delta):
    """Each evaluation is given the last better one before it by a scan; the first that is `patience` later ends."""
    numbers = np.array([-np.inf if score is None else score for score in scores], dtype=float)
    reached, best, last = [], -np.inf, -1
    for place, number in enumerate(numbers):
        if number > -np.inf and (np.isneginf(best) or number > best + delta):
            best, last = number, place
        reached.append(place - last)
    ends = np.flatnonzero(np.array(reached) >= patience)
    return int(ends[0]) if len(ends) else None


@given(SCORES, st.integers(1, 5), st.sampled_from([0.0, 0.125, 0.3]))
def test_it_ends_after_so_many_evaluations_without_a_better_score(scores, patience, delta):
    rule, waited, ended = EarlyStopping(patience=patience, min_delta=delta), Waited(), None
    for place, score in enumerate(scores):
        waited = waited_after(waited, score, rule)
        waited = Waited.model_validate_json(waited.model_dump_json())
        if is_over(waited, rule):
            ended = place
            break
    assert ended == first_end(scores, patience, delta)


@given(SCORES)
def test_without_the_rule_nothing_ends(scores):
    waited = Waited()
    for score in scores:
        waited = waited_after(waited, score, None)
    assert waited == Waited()
    assert not is_over(waited, None)


def test_many_small_improvements_count_together():
    """Each is below `min_delta`; from the best on, they add up."""
    rule, waited = EarlyStopping(patience=3, min_delta=0.1), Waited()
    for score in (0.5, 0.56, 0.62, 0.67, 0.73):
        waited = waited_after(waited, score, rule)
        assert not is_over(waited, rule)
    assert waited == Waited(best=0.73)


def test_what_is_said():
    train = Train(steps=2000, early_stopping=EarlyStopping(patience=1, min_delta=0.01))
    assert stopped_early(train, 2000) is None
    results = Results(
        name="a", seed=0, steps=1200, stopped_early=stopped_early(train, 1200), tasks={}, recipe_hash="",
        selected=Selected(by="validation", step=1100),
    )  # fmt: skip
    assert why_stopped(results) == (
        "Training stopped early, after 1,200 of 2,000 steps: the validation score did not improve by more than 0.01 in "
        "1 evaluation"
    )


def recipe(*overrides):
    return read("multimix", load_plugins()["recipe"], overrides=overrides).validated()


def test_recipes_without_it_keep_their_hash():
    plain = recipe()
    assert "early_stopping" not in plain.content()["train"]
    assert recipe("train.early_stopping=null").digest() == plain.digest()
    patient = recipe("train.early_stopping={patience: 3}")
    assert patient.content()["train"]["early_stopping"] == {"patience": 3, "min_delta": 0.0}
    assert patient.digest() != plain.digest()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.early_stopping={patience: 0}"], r"train\.early_stopping\.patience.*0"),
        (["train.early_stopping={patience: 2, min_delta: -1}"], r"train\.early_stopping\.min_delta"),
        (["train.early_stopping={patience: 2, min_delta: .inf}"], r"train\.early_stopping\.min_delta"),
        (["train.early_stopping={patients: 2}"], r"train\.early_stopping.*'patience'"),
        (["train.early_stopping={patience: 2}", "train.select_by=last"], r"train\.early_stopping.*select_by: last"),
    ],
)
def test_a_wrong_rule_is_named(overrides, message):
    with pytest.raises(RecipeError, match=message):
        recipe(*overrides)
