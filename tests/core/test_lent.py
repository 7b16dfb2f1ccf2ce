"""Images of another source in a task's unlabelled pool, without what is known of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmtl.contracts.head import Output
from ssmtl.data.pool import list_sources
from ssmtl.data.split import split_tasks
from ssmtl.data.split_file import read_split_file, write_split_file
from ssmtl.recipe.models import SourceEntry, TaskSpec
from tests.core.made_examples import example

LUNGS, CLASSES = Output("masks", ("lung",)), Output("multiclass", ("a", "b"))


def own(count=60, split=None):
    return tuple(example(number, masks=("lung",), patient=f"p{number // 2}", split=split) for number in range(count))


def theirs(count=40, first=1000, split=None):
    """Two images of each patient, whose names are those of the other set's patients, who are other people."""
    rows = range(first, first + count)
    return tuple(example(n, "ab"[n % 4 > 1], patient=f"p{(n - first) // 2}", split=split) for n in rows)


def listed(unlabeled=("others",), spaces=None, seed=0, wanted=("mine",), **made):
    made = {"mine": own(), "others": theirs()} | made

    class Made:
        def __init__(self, name):
            self.examples = lambda: made[name]

    entries = {name: SourceEntry(use="made") for name in made}
    entries["mine"] = SourceEntry(use="made", unlabeled=list(unlabeled))
    return list_sources(entries, set(wanted), Made, [], seed, spaces)


def spec(source, **options):
    return TaskSpec.model_validate(
        {"source": source, "head": {"use": "h"}, "strategies": [{"use": "s"}], "labeled": 4, **options}
    )


def pool(files, tasks=None, seed=0):
    tasks = tasks or {"lungs": (spec("mine"), LUNGS)}
    return split_tasks(tasks, files, seed, select=False)


@given(st.integers(0, 5))
def test_all_of_them_join_the_unlabelled_pool_and_nothing_else(seed):
    without, files = pool(listed(()), seed=seed)["lungs"], listed(seed=seed)
    split = pool(files, seed=seed)["lungs"]
    lent = [f"others/{one.id}" for one in theirs()]
    assert split.model_copy(update={"unlabeled": []}) == without.model_copy(update={"unlabeled": []})
    assert split.unlabeled == [*without.unlabeled, *lent]
    known = {one.id: one for one in files.examples["mine"]}
    assert all(known[one].labels is known[one].masks is known[one].numbers is None for one in lent)


def test_only_what_the_other_set_gives_for_training_is_taken():
    other = theirs(8, split="train") + theirs(8, 2000, split="test") + theirs(8, 3000, split="val")
    split = pool(listed(others=other))["lungs"]
    assert [one for one in split.unlabeled if "/" in one] == [f"others/i{number}" for number in range(1000, 1008)]


def test_they_are_for_training_where_the_set_has_a_split_of_its_own():
    mine = own(40, "train") + tuple(example(n, masks=("lung",), split="test") for n in range(100, 110))
    split = pool(listed(mine=mine), {"lungs": (spec("mine", evaluate_on={"in": "mine"}), LUNGS)})["lungs"]
    assert len(split.unlabeled) == 40 + 40
    assert len(split.test["in"].ids) == 10


def test_equal_names_in_two_sets_are_two_people():
    files = listed()
    persons = files.persons("mine")
    assert not {persons[one.id] for one in own()} & {persons[f"others/{one.id}"] for one in theirs()}
    assert [persons[f"others/{one.id}"] for one in theirs()] == list(files.persons("others").values())


@pytest.mark.parametrize("part", ["test", "val"])
def test_whoever_is_scored_under_the_other_name_is_not_taken(part):
    """The other set is a portion; its other images, of which some show the same patients, are a source of their own."""
    scored = theirs(10, 5000)  # patients p0 to p4 of the other set
    files = listed(wanted=("mine", "scored"), spaces={"others": "root", "scored": "root"}, scored=scored)
    tasks = {"lungs": (spec("mine"), LUNGS)}
    if part == "test":
        tasks["findings"] = (spec("elsewhere", evaluate_on={"o": "scored"}), CLASSES)
        files = listed(
            wanted=("mine", "scored", "elsewhere"),
            spaces={"others": "root", "scored": "root"},
            scored=scored,
            elsewhere=theirs(40, 7000),
        )
    else:
        tasks["findings"] = (spec("scored", labeled=2), CLASSES)
    split = pool(files, tasks)
    people = files.persons("mine")
    ids = split["findings"].test["o"].ids if part == "test" else split["findings"].val
    assert ids
    forbidden = {files.persons("scored")[one] for one in ids}
    assert not forbidden & {people[one] for one in split["lungs"].unlabeled}
    assert split["lungs"].left_out["train"] == 2 * len(forbidden)


def test_the_split_file_says_who_of_the_other_set_trained(tmp_path):
    """So that no command scores their other images."""
    files = listed()
    splits = pool(files)
    write_split_file(tmp_path / "split.json", splits, 0, {}, files.identities, files.namespaces, files.people)
    images = read_split_file(tmp_path / "split.json").images
    assert {one: patient for one, (_, patient) in images["others"].items()} == {one.id: one.patient for one in theirs()}
    assert json.loads((tmp_path / "split.json").read_text())["tasks"]["lungs"]["unlabeled"][-1] == "others/i1039"


def test_a_source_without_it_is_listed_without_reading_a_file(monkeypatch):
    monkeypatch.setattr("ssmtl.data.pool.identities_of", None)
    assert set(listed(()).examples) == {"mine"}
