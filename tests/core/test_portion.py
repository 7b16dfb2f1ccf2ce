"""A source that is a fixed portion of its patients, whatever the seed."""

import re
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmtl import Folders
from ssmtl.data.pool import list_sources
from ssmtl.data.portion import place
from ssmtl.errors import DataError, RecipeError
from ssmtl.experiment.namespaces import namespace_of
from ssmtl.experiment.prepare import make_source
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
    nobody = "source 's': portion: none of its 1 patient is in [0.5, 1.0]; expected a wider one"
    with pytest.raises(DataError, match=re.escape(nobody)):
        patients(rows, [0.5, 1.0])


def test_who_is_in_it_does_not_depend_on_other_sources():
    """Another source that holds one image under both names would make two patients one person."""
    rows = many(40)
    low, high = (next(one for one in rows if (place(one.patient) < 0.5) is first) for first in (True, False))
    linking = [replace(low, id="x", patient="q"), replace(high, id="y", patient="q")]
    made = {"s": rows, "t": linking}
    entries = {"s": SourceEntry(use="made", portion=[0.0, 0.5]), "t": SourceEntry(use="made")}
    listed = list_sources(entries, {"s", "t"}, lambda name: source(made[name])(name), [], 0)
    assert {one.patient for one in listed.examples["s"]} == patients(rows, [0.0, 0.5])


@pytest.mark.parametrize(
    "wrong", ["[0.5, 0.2]", "[0.5]", "0.5", "[0, 0.5, 1]", "[-1.0, 0.5]", "[0.0, 2.0]", "[0.3, 0.3]", '["0", 0.5]',
              "[false, true]", "[.nan, 1]", "{0: 0.5}"]
)  # fmt: skip
def test_a_portion_that_is_none_is_refused(wrong):
    words = r"sources\.chex\.portion.*should be two numbers from 0 to 1, the first below the second, such as \[0, 0.5\]"
    with pytest.raises(RecipeError, match=words):
        read("enc", PLUGINS["recipe"], overrides=[f"sources.chex.portion={wrong}"]).validated()


def test_a_recipe_without_one_is_the_recipe_that_it_was():
    plain = read("enc", PLUGINS["recipe"]).validated()
    whole = read("enc", PLUGINS["recipe"], overrides=["sources.chex.portion=[0.0, 1.0]"]).validated()
    assert "portion" not in plain.content()["sources"]["chex"]
    assert plain.content(every_key=True)["sources"]["chex"]["portion"] is None
    assert plain.digest() != whole.digest()


@pytest.mark.parametrize(
    ("recipe", "develop", "report", "tested", "least"),
    [
        ("strong/umtl", "cxr_develop", "cxr_report", ("chex_test", "jsrt_test", "nihx", "mcu"), 500),
        ("busi/umtl", "busi_develop", "busi_report", ("busi_test",), 100),
    ],
)
def test_nobody_who_is_reported_on_is_among_the_images_of_development(
    data_folder, recipe, develop, report, tested, least
):
    """Of the real sets: no file and no patient that is tested is in a source of those to develop on."""

    def people(name, *wanted):
        content = read(recipe, PLUGINS["recipe"], sources=name).validated()
        folders = Folders(data_folder)
        make = partial(make_source, content, PLUGINS, folders)
        spaces = {one: namespace_of(one, entry, folders) for one, entry in content.sources.items()}
        files = list_sources(content.sources, {*(wanted or content.sources)}, make, [], content.seed, spaces)
        images = [
            (one, image) for one in files.identities for image in files.identities[one] if not wanted or one in wanted
        ]
        return {image.content for _, image in images}, {(spaces[one], image.patient) for one, image in images}

    developed, reported = people(develop), people(report, *tested)
    for ours, theirs in zip(developed, reported, strict=True):
        assert len(ours) > len(theirs) > least
        assert not ours & theirs
