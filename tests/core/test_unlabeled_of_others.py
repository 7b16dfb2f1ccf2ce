"""Images of other sources in a task's unlabelled pool, without what is known of them."""

import json
import warnings
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmtl.contracts.head import Output
from ssmtl.data.cache import Decoded
from ssmtl.data.given_split import read_split
from ssmtl.data.identity import identities_of
from ssmtl.data.joined_rows import JoinedRows, of_others
from ssmtl.data.pool import list_sources
from ssmtl.data.small_parts import warn_of_lent_tests
from ssmtl.data.split import split_tasks
from ssmtl.data.split_file import TaskSplit, read_split_file, split_digest, write_split_file
from ssmtl.data.task_data import task_data
from ssmtl.data.used_images import used_images
from ssmtl.errors import DataError
from ssmtl.recipe.models import SourceEntry, TaskSpec
from tests.core.made_examples import example

LUNGS, CLASSES = Output("masks", ("lung",)), Output("multiclass", ("a", "b"))


def own(count=60):
    return tuple(example(number, masks=("lung",), patient=f"p{number // 2}") for number in range(count))


def theirs(count=40, first=1000, split=None):
    """Two images of each patient, whose names are those of the other set's patients, who are other people."""
    rows = range(first, first + count)
    return tuple(example(n, "cd"[n % 4 > 1], patient=f"p{(n - first) // 2}", split=split) for n in rows)


def listed(spaces=None, entries=None, **made):
    made = {"mine": own(), "others": theirs()} | made

    class Made:
        def __init__(self, name):
            self.examples = lambda: made[name]

    default = {name: SourceEntry(use="made") for name in made}
    return list_sources(default | (entries or {}), set(made), Made, [], 0, spaces)


def spec(source="mine", **options):
    return TaskSpec.model_validate(
        {"source": source, "head": {"use": "h"}, "strategies": [{"use": "s"}], "labeled": 4, **options}
    )


def lungs(*sources, **options):
    return {"lungs": (spec(unlabeled_from=list(sources), **options), LUNGS)}


def split(files, tasks, seed=0):
    return split_tasks(tasks, files, seed, select=False)


@given(st.integers(0, 5))
def test_they_are_in_the_pool_and_change_nothing_else(seed):
    """Even if they show people whom the task's own source has: parts are drawn as if there were no others."""
    both = theirs() + own(20)
    files = listed(others=both)
    without = split(files, lungs(evaluate_on={"in": "mine"}), seed)["lungs"]
    found = split(files, lungs("mine", "others", evaluate_on={"in": "mine"}), seed)["lungs"]
    lost = found.left_out.pop("unlabeled")
    assert found.model_copy(update={"unlabeled_of": {}}) == without
    assert lost == len(both) - len(found.unlabeled_of["others"]) > 0
    people = files.persons("mine")
    scored = {people[one] for one in (*found.val, *found.test["in"].ids)}
    persons = files.persons("others")
    assert found.unlabeled_of == {"others": [one.id for one in both if persons[one.id] not in scored]}
    alone = split(files, lungs("others", evaluate_on={"in": "mine"}), seed)["lungs"]
    assert alone.left_out.pop("unlabeled") == lost
    assert alone == found.model_copy(update={"unlabeled": []})


def test_only_what_the_other_set_gives_for_training_is_taken():
    held_out = [example(n, patient=f"q{n}", split="test" if n % 2 else "val") for n in range(2000, 2008)]
    other = theirs(8, split="train") + tuple(held_out)
    found = split(listed(others=other), lungs("others"))["lungs"]
    assert found.unlabeled_of == {"others": [f"i{number}" for number in range(1000, 1008)]}


@pytest.mark.parametrize("part", ["test", "val"])
def test_whoever_is_scored_under_another_source_is_not_taken(part):
    """`others` and `scored` are of one folder, with other images of some of the same patients."""
    made = {"scored": theirs(10, 5000), "elsewhere": theirs(40, 7000)}
    files = listed({"others": "root", "scored": "root"}, **made)
    names = Output("multiclass", ("c", "d"))
    tasks = lungs("mine", "others")
    if part == "test":
        tasks["findings"] = (spec("elsewhere", evaluate_on={"o": "scored"}), names)
    else:
        tasks["findings"] = (spec("scored", labeled=2), names)
    found = split(files, tasks)
    ids = found["findings"].test["o"].ids if part == "test" else found["findings"].val
    assert ids
    scored = {files.persons("scored")[one] for one in ids}
    taken = {files.persons("others")[one] for one in found["lungs"].unlabeled_of["others"]}
    assert taken
    assert not scored & taken


def test_a_set_that_is_tested_too_gives_what_its_test_part_leaves():
    names = Output("multiclass", ("c", "d"))
    tasks = lungs("mine", "others") | {"findings": (spec("mine", evaluate_on={"o": "others"}), names)}
    tasks["findings"] = (spec("elsewhere", evaluate_on={"o": "others"}), names)
    found = split(listed(elsewhere=theirs(40, 7000)), tasks)
    tested, taken = found["findings"].test["o"].ids, found["lungs"].unlabeled_of["others"]
    assert len(tested) == 8
    assert sorted((*tested, *taken)) == [one.id for one in theirs()]


def test_tasks_that_are_to_be_disjoint_are():
    names = Output("multiclass", ("c", "d"))
    findings = {"findings": (spec("others", labeled=2), names)}
    with pytest.raises(DataError, match="unlabeled_from: no image of the source 'others' can be taken: each shows"):
        split(listed(), lungs("mine", "others", disjoint_from="findings") | findings)
    half = {"half": theirs(20, 1000)}
    files = listed({"others": "root", "half": "root"}, **half)
    tasks = lungs("others", disjoint_from="findings") | {"findings": (spec("half", labeled=2), names)}
    found = split(files, tasks)
    people = files.persons("half")
    train = {people[one] for one in found["findings"].unlabeled}
    assert not train & {files.persons("others")[one] for one in found["lungs"].unlabeled_of["others"]}


def written(folder, files, splits):
    path = folder / "split.json"
    write_split_file(path, splits, 0, {}, files.identities, files.namespaces, files.people)
    return path


@pytest.mark.parametrize("name", ["others", "again"])
def test_no_command_scores_whoever_was_taken(tmp_path, name):
    """Also if the other set holds copies of the task's own images, under the names that they have there."""
    files = listed(others=theirs() + own(10), spaces={"mine": "m", "others": "o"})
    given = read_split_file(written(tmp_path, files, split(files, lungs("others"))))
    taken = [one for one in files.identities["others"] if one.id in given.tasks["lungs"].unlabeled_of["others"]]
    again = identities_of(tuple(example(n + 9000, patient=f"p{(n - 1000) // 2}") for n in range(1000, 1040)))
    asked = taken if name == "others" else again
    used = used_images(given, {"q": asked}, {"q": "o"})["q"]
    assert len(used) == len(asked) > 0


def test_a_split_is_used_again_and_refused_by_another_recipe(tmp_path):
    files = listed()
    tasks = lungs("mine", "others")
    splits = split(files, tasks)
    path = written(tmp_path, files, splits)
    assert read_split(path, tasks, files) == splits
    with pytest.raises(DataError, match=r"unlabelled images of other sources \['others'\], but the recipe has \[\]"):
        read_split(path, lungs(), files)
    content = json.loads(path.read_text())
    content["tasks"]["lungs"]["unlabeled_of"]["others"][0] = "nobody"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="unlabeled: the source 'others' has no image 'nobody'"):
        read_split(path, tasks, files)


def test_a_split_without_them_is_written_and_hashed_as_it_ever_was():
    plain = TaskSplit(source="s", labeled=["a"], unlabeled=["a", "b"], val=[], test={})
    assert "unlabeled_of" not in plain.model_dump_json()
    assert split_digest({"t": plain}, 3) == "fe3f0e18280114d5"


@given(st.integers(0, 5))
def test_disjoint_tasks_share_whom_both_could_take(seed):
    """Each person's images stay together, and each task gets half of the people."""
    files = listed(elsewhere=theirs(40, 7000))
    tasks = lungs("others", disjoint_from="findings")
    tasks["findings"] = (spec("elsewhere", unlabeled_from=["elsewhere", "others"]), Output("multiclass", ("c", "d")))
    pools = [one.unlabeled_of["others"] for one in split(files, tasks, seed).values()]
    persons = files.persons("others")
    people = [{persons[one] for one in ids} for ids in pools]
    assert not people[0] & people[1]
    assert [len(some) for some in people] == [10, 10]
    assert sorted(pools[0] + pools[1]) == [one.id for one in theirs()]


def test_a_pool_of_nothing_but_copies_of_labelled_images_is_refused():
    known = set(split(listed(), lungs())["lungs"].labeled)
    files = listed(others=tuple(one for one in own() if one.id in known))
    assert split(files, lungs("mine", "others"))
    with pytest.raises(DataError, match="'others' can be taken: each is a copy of a labelled one"):
        split(files, lungs("mine", "others", unlabeled_includes_labeled=False))


def decoded(count):
    return Decoded(np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(4, 2).repeat(4, 3), None, (), {}, "")


def pool(names=("mine", "others"), counts=(7, 3)):
    examples = {name: tuple(example(n, "z") for n in range(count)) for name, count in zip(names, counts, strict=True)}
    ids = {name: [one.id for one in listed] for name, listed in examples.items()}
    parts = TaskSplit(
        source="mine", labeled=[], unlabeled=ids["mine"], unlabeled_of={"others": ids["others"]}, val=[], test={}
    )
    images = {name: decoded(len(listed)) for name, listed in examples.items()}
    known = {name: tuple(example(n) for n in range(len(listed))) for name, listed in examples.items()}
    return task_data(parts, CLASSES, known | {"others": examples["others"]}, images).unlabeled


@given(st.integers(0, 40), st.integers(2, 9))
def test_a_step_has_as_many_rows_of_each_source(step, batch):
    rows = pool()
    assert isinstance(rows, JoinedRows)
    chosen = rows.at(step, batch, 0, "lungs", "unlabeled")
    assert Counter(np.where(chosen < 7, "mine", "others").tolist()) == Counter(
        {"mine": -(-batch // 2), "others": batch // 2}
    )
    assert (rows.images(chosen)[:, 0, 0, 0].numpy() == np.where(chosen < 7, chosen, chosen - 7)).all()
    assert (chosen == rows.at(step, batch, 0, "lungs", "unlabeled")).all()


def test_every_image_comes_once_in_a_pass_of_its_source():
    rows = pool()
    chosen = np.concatenate([rows.at(step, 2, 0, "t", "unlabeled") for step in range(21)])
    assert Counter(chosen[::2].tolist()) == dict.fromkeys(range(7), 3)
    assert Counter(chosen[1::2].tolist()) == dict.fromkeys(range(7, 10), 7)
    assert len(set(rows.keys.tolist())) == len(rows) == 10


def test_what_is_known_of_another_sources_images_is_not_used():
    """A class of theirs is none of the head's, and nothing reads it."""
    rows = pool()
    assert rows.targets.tolist() == [-1] * 10
    assert of_others("mine", rows) == {"others": 3}


def test_two_images_of_one_name_can_be_told_apart_by_their_source():
    """In the batch that is saved after a loss that is not finite."""
    rows = pool()
    assert len(set(rows.ids)) == len(rows) == 10
    assert rows.ids[-3:] == ("others/i0", "others/i1", "others/i2")


def test_whoever_is_in_an_official_test_part_of_the_other_set_is_not_taken():
    other = (*theirs(8, split="train"), example(4000, patient="p1", split="test"))
    found = split(listed(others=other), lungs("others"))["lungs"]
    assert found.unlabeled_of == {"others": ["i1000", "i1001", "i1004", "i1005", "i1006", "i1007"]}
    assert found.left_out["unlabeled"] == 3


def test_a_pool_without_labelled_images_has_no_copies_of_them():
    both = own(20) + theirs(4)
    files = listed(others=both)
    found = split(files, lungs("mine", "others", unlabeled_includes_labeled=False))["lungs"]
    content = {one.id: one.content for one in files.identities["mine"]}
    assert not {content[one] for one in found.labeled} & {
        one.content for one in files.identities["others"] if one.id in found.unlabeled_of["others"]
    }


@pytest.mark.parametrize(
    ("made", "asked", "said"),
    [
        (("mine", "others"), ("others",), "has an unlabelled image of 'mine'"),
        (("others",), ("mine", "others"), "has no unlabelled image of 'mine'"),
    ],
)
def test_a_split_of_another_pool_is_refused(tmp_path, made, asked, said):
    files = listed()
    path = written(tmp_path, files, split(files, lungs(*made)))
    with pytest.raises(DataError, match=said):
        read_split(path, lungs(*asked), files)


def test_a_split_that_names_a_source_without_images_is_refused(tmp_path):
    files = listed()
    splits = split(files, lungs("mine", "others"))
    empty = splits["lungs"].model_copy(update={"unlabeled_of": {"others": []}})
    path = written(tmp_path, files, {"lungs": empty})
    with pytest.raises(DataError, match="unlabeled_of: 'others' has no image"):
        read_split(path, lungs("mine", "others"), files)


def test_a_test_set_that_gives_unlabelled_images_is_said_to_be_smaller():
    """A test part of its own stays whole, and so does that of a source that no task takes from."""
    made = {"mine": own(), "others": theirs(), "alone": theirs(first=2000)}
    tasks = {
        "classes": (spec("mine", evaluate_on={"out": "others", "far": "alone"}), CLASSES),
        "lungs": (spec("mine", unlabeled_from=["mine", "others"], evaluate_on={}), LUNGS),
    }
    for name, examples in made.items():
        made[name] = tuple(replace(one, labels=frozenset("ab"[n % 4 > 1])) for n, one in enumerate(examples))
    files = listed(**made)
    splits = split(files, tasks)
    tested = len(splits["classes"].test["out"].ids)
    assert 0 < tested < 40
    with pytest.warns(match=f"'classes' is tested on {tested} of the 40 images of 'others': 'lungs' may") as said:
        warn_of_lent_tests(splits, files.examples)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_lent_tests(splits, {"others": theirs(split="train"), "alone": made["alone"]})
