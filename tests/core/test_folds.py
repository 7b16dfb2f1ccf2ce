"""Folds: every patient is tested once, and never by who trained on them."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_examples import example

from ssmtl.contracts.head import Output
from ssmtl.data.folds import fold_of_patients
from ssmtl.data.parts import parts_of
from ssmtl.data.pool import SourceFiles
from ssmtl.data.split import split_tasks
from ssmtl.errors import DataError, RecipeError
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.models import SourceEntry, TaskSpec

OUTPUT = Output("multiclass", ("a", "b"))
SIZES = st.dictionaries(st.text("xyz0123456789", min_size=1, max_size=4), st.integers(1, 6), min_size=1, max_size=40)


@given(
    strata=st.dictionaries(st.sampled_from("ab"), SIZES, min_size=1), folds=st.integers(2, 7), seed=st.integers(0, 99)
)
def test_each_patient_is_in_one_fold_and_strata_are_spread(strata, folds, seed):
    strata = {name: {f"{name}{patient}": size for patient, size in own.items()} for name, own in strata.items()}
    found = fold_of_patients(strata, folds, seed, "s")
    assert set(found) == {patient for own in strata.values() for patient in own}
    assert set(found.values()) <= set(range(1, folds + 1))
    for own in strata.values():
        images = Counter(dict.fromkeys(range(1, folds + 1), 0))
        for patient, size in own.items():
            images[found[patient]] += size
        assert max(images.values()) - min(images.values()) <= max(own.values())


def listed(count=90, per_patient=2, every=1):
    return tuple(
        example(number, *(["ab"[number % 3 == 0]] if number % every == 0 else []), patient=f"p{number // per_patient}")
        for number in range(count)
    )


def split(rows, fold, seed=0):
    content = {"source": "s", "head": {"use": "h"}, "strategies": [{"use": "s"}], "evaluate_on": {"here": "s"}}
    files = SourceFiles({"s": rows}, {"s": SourceEntry(use="x")})
    return split_tasks({"t": (TaskSpec.model_validate(content), OUTPUT)}, files, seed, True, fold)["t"]


@settings(max_examples=15)
@given(folds=st.integers(2, 6), seed=st.integers(0, 20), every=st.sampled_from([1, 4]))
def test_every_labelled_image_is_tested_in_exactly_one_fold(folds, seed, every):
    rows = listed(every=every)
    patient = {row.id: row.patient for row in rows}
    tested = Counter()
    for number in range(1, folds + 1):
        found = split(rows, (number, folds), seed)
        sides = [{patient[one] for one in ids} for ids in (
            found.test["here"].ids, found.val, (*found.labeled, *found.unlabeled)
        )]  # fmt: skip
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        tested.update(found.test["here"].ids)
    assert tested == Counter(row.id for row in rows if row.labels)


def test_without_folds_the_split_is_as_before():
    assert split(listed(), None) == split(listed(), None)
    assert split(listed(), None).test["here"].ids != split(listed(), (1, 5)).test["here"].ids


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (tuple(example(n, "a", split="train" if n < 9 else "test") for n in range(12)), "has a split of its own"),
        (tuple(example(n, "a") for n in range(3)), "has 3 patients with labels, too few for 5 folds"),
    ],
)
def test_what_has_no_folds(rows, message):
    with pytest.raises(DataError, match=message):
        parts_of("s", rows, SourceEntry(use="x"), 0, fold=(1, 5))


RECIPE = {
    "name": "small",
    "sources": {"s": {"use": "phantom"}},
    "backbone": {"use": "multimix_encoder"},
    "tasks": {"t": {"source": "s", "head": {"use": "pooled_linear"}, "strategies": [{"use": "cross_entropy"}]}},
}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"folds": 5, "fold": 6}, "fold: should be a number from 1 to 5, found 6"),
        ({"fold": 1}, "fold: should have 'folds' beside it"),
        ({"folds": 5, "split": "x.json"}, "folds: is given beside 'split'"),
        ({"folds": 1}, "folds"),
    ],
)
def test_keys_that_do_not_fit(keys, message):
    with pytest.raises(RecipeError, match=message):
        RecipeText({**RECIPE, **keys}, "f").validated()


def test_a_recipe_without_the_newer_keys_keeps_its_content():
    content = RecipeText(RECIPE, "f").validated().content()
    assert not {"init", "folds", "fold"} & set(content)
    assert "fit" not in content["image"]
    more = RecipeText({**RECIPE, "folds": 5, "image": {"fit": "pad"}}, "f").validated().content()
    assert more["folds"] == 5
    assert more["image"]["fit"] == "pad"
