"""A source that is a fixed portion of its patients, whatever the seed."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmtl.data.pool import list_sources
from ssmtl.data.portion import place
from ssmtl.errors import DataError, RecipeError
from ssmtl.recipe.load import read
from ssmtl.recipe.models import SourceEntry
from ssmtl.registry.plugins import load_plugins
from tests.core.made_examples import example

PLUGINS = load_plugins()


def source(rows):
    class Made:
        def examples(self):
            return rows

    return lambda _: Made()


def patients(rows, portion, seed=0):
    entry = SourceEntry(use="made", portion=portion)
    listed = list_sources({"s": entry}, {"s"}, source(rows), [], seed)
    return {one.patient for one in listed.examples["s"]}


def many(count=200):
    return [example(2 * number + copy, "A", patient=f"p{number}") for number in range(count) for copy in range(2)]


@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=3, unique=True), st.integers(0, 2**32))
def test_portions_divide_the_patients_whole_the_same_for_each_seed(cuts, seed):
    rows, edges = many(60), [0.0, *sorted(cuts), 1.0]
    parts = []
    for low, high in pairwise(edges):
        expected = {one.patient for one in rows if low <= place(one.patient) < high}
        if expected:
            parts.append(patients(rows, [low, high], seed))
            assert parts[-1] == expected
    assert sorted(name for part in parts for name in part) == sorted({one.patient for one in rows})


def test_a_portion_is_about_as_large_as_it_says_and_does_not_depend_on_who_else_is_there():
    rows = many(2000)
    half = patients(rows, [0.0, 0.5])
    assert 0.45 < len(half) / 2000 < 0.55
    assert patients(rows[:1000], [0.0, 0.5]) == half & {one.patient for one in rows[:1000]}


def test_one_person_under_two_names_is_in_one_portion():
    first = next(f"a{number}" for number in range(99) if place(f"a{number}") < 0.5)
    second = next(f"b{number}" for number in range(99) if place(f"b{number}") >= 0.5)
    rows = [example(0, "A", patient=first), example(0, "A", patient=second)]
    rows = [rows[0], type(rows[1])("other", second, rows[0].image, rows[1].labels, rows[1].masks)]
    assert patients(rows, [0.0, 0.5]) == {first, second}
    with pytest.raises(DataError, match=re.escape("none of its patients is in the portion [0.5, 1.0]")):
        patients(rows, [0.5, 1.0])


@pytest.mark.parametrize(
    "wrong", ["[0.5, 0.2]", "[0.5]", "0.5", "[0, 0.5, 1]", "[-1.0, 0.5]", "[0.0, 2.0]", "[0.3, 0.3]"]
)
def test_a_portion_that_is_none_is_refused(wrong):
    with pytest.raises(RecipeError, match=r"sources\.chex\.portion"):
        read("enc", PLUGINS["recipe"], overrides=[f"sources.chex.portion={wrong}"]).validated()


def test_a_recipe_without_one_is_the_recipe_that_it_was():
    plain = read("enc", PLUGINS["recipe"]).validated()
    whole = read("enc", PLUGINS["recipe"], overrides=["sources.chex.portion=[0.0, 1.0]"]).validated()
    assert "portion" not in plain.content()["sources"]["chex"]
    assert plain.content(every_key=True)["sources"]["chex"]["portion"] is None
    assert plain.digest() != whole.digest()
