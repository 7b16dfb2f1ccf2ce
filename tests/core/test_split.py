"""Parts and splits: each patient in one part, classes in proportion, no influence from the rest of the recipe."""

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_examples import example

from ssmtl.contracts.head import Output
from ssmtl.data.given_split import read_split
from ssmtl.data.parts import parts_of
from ssmtl.data.pool import SourceFiles, examples_of, list_sources
from ssmtl.data.rows import rows_of
from ssmtl.data.split import split_tasks
from ssmtl.data.split_file import SplitFile, TaskSplit, read_split_file, write_split_file
from ssmtl.data.used_images import used_images
from ssmtl.errors import DataError
from ssmtl.recipe.models import SourceEntry, TaskSpec

OUTPUT = Output("multiclass", ("a", "b"))
LUNGS = Output("masks", ("lung",))


def entry(**options):
    return SourceEntry(use="x", **options)


def spec(source="s", **options):
    return TaskSpec.model_validate(
        {"source": source, "head": {"use": "h"}, "strategies": [{"use": "s"}], "labeled": 10, **options}
    )


def listed(count=120, per_patient=2, first=0, prefix="p", masks=("lung",), grey=100):
    return tuple(
        example(number, "ab"[number % 3 == 0], patient=f"{prefix}{number // per_patient}", masks=masks, grey=grey)
        for number in range(first, first + count)
    )


def files(**sources):
    return SourceFiles(sources, {name: entry() for name in sources})


def patients(examples):
    return {found.patient for found in examples}


def patients_of(source, ids):
    return {found.patient for found in source if found.id in set(ids)}


@given(st.lists(st.tuples(st.integers(0, 25), st.sampled_from("ab")), min_size=20, max_size=80), st.integers(0, 3))
def test_no_patient_is_in_two_parts(rows, seed):
    examples = [example(number, label, patient=f"p{patient}") for number, (patient, label) in enumerate(rows)]
    parts = parts_of("s", examples, entry(), seed)
    assert sorted(found.id for part in parts.values() for found in part) == sorted(found.id for found in examples)
    assert sum(len(patients(part)) for part in parts.values()) == len(patients(examples))


def test_parts_have_the_sizes_and_classes_asked_for():
    examples = [example(number, "a" if number % 4 else "b") for number in range(400)]
    parts = parts_of("s", examples, entry(val=0.1, test=100), 0)
    assert [len(parts[name]) for name in ("train", "val", "test")] == [260, 40, 100]
    for part in parts.values():
        share = Counter(next(iter(found.labels)) for found in part)["b"] / len(part)
        assert share == pytest.approx(0.25, abs=0.02)


def test_defaults_set_15_and_20_percent_aside():
    parts = parts_of("s", [example(number, "a") for number in range(200)], entry(), 0)
    assert [len(parts[name]) for name in ("train", "val", "test")] == [130, 30, 40]


def test_a_set_may_be_for_training_alone():
    parts = parts_of("s", [example(number, "a") for number in range(200)], entry(test=0), 0)
    assert [len(parts[name]) for name in ("train", "val", "test")] == [170, 30, 0]
    tasks = {"t": (spec(evaluate_on={"in": "s", "out": "u"}), OUTPUT)}
    two = replace(files(s=listed(), u=listed(60, grey=50)), entries={"s": entry(test=0), "u": entry()})
    with pytest.raises(DataError, match=r"'s' has no test images.*'test: 0'.*in 'evaluate_on', name some of u$"):
        split_tasks(tasks, two, 0, select=True)
    alone = replace(two, entries={"s": entry(), "u": entry(test=0)})
    with pytest.raises(DataError, match=r"'u' has no test images.*'test: 0'.*in 'evaluate_on', name some of s$"):
        split_tasks(tasks, alone, 0, select=True)


def test_a_set_with_a_test_part_of_its_own_is_not_for_training_alone():
    own = [example(number, "a", split="test" if number < 20 else "train") for number in range(100)]
    with pytest.raises(DataError, match="'s' has a test part of its own, of 20 images: test: 0 is for sets without"):
        parts_of("s", own, entry(test=0), 0)
    assert len(parts_of("s", own[20:], entry(test=0), 0)["train"]) == 80
    with pytest.raises(DataError, match="'s' is for training alone"):
        parts_of("s", [example(number, "a") for number in range(100)], entry(test=0), 0, fold=(0, 3))
    assert entry(test=0.0).test == 0


def test_a_set_that_only_gives_unlabelled_images_needs_no_validation_part():
    examples = [example(number, "a") for number in range(40)]
    parts = parts_of("s", examples, entry(test=0.9), 0, validated=False)
    assert [len(parts[name]) for name in ("train", "val", "test")] == [4, 0, 36]
    with pytest.raises(DataError, match="val: 6 cannot be carved out"):
        parts_of("s", examples, entry(test=0.9), 0)


def test_an_own_split_is_kept_and_completed_only_on_demand():
    examples = [example(number, "a", split="test" if number < 20 else "train") for number in range(100)]
    assert not parts_of("s", examples, entry(), 0)["val"]
    parts = parts_of("s", examples, entry(val=0.25, test=0.5), 0)
    assert len(parts["val"]) == 20
    assert {found.id for found in parts["test"]} == {f"i{number}" for number in range(20)}


def test_a_patient_in_two_official_parts_is_an_error():
    examples = [example(0, "a", patient="p", split="train"), example(1, "a", patient="p", split="test")]
    with pytest.raises(DataError, match="patient 'p' in its train and its test part"):
        parts_of("s", examples, entry(), 0)


def test_copies_under_several_patients_names_are_in_one_part():
    rows = [replace(row, image=listed()[number // 2 * 2].image, patient=f"q{number}")
            for number, row in enumerate(listed())]  # fmt: skip
    data = files(s=rows)
    parts = parts_of("s", rows, entry(), 0, data.persons("s"))
    shown = [{row.image for row in parts[part]} for part in ("train", "val", "test")]
    assert all(shown)
    assert not shown[0] & shown[1] | shown[0] & shown[2] | shown[1] & shown[2]


def test_setting_aside_more_than_exists():
    with pytest.raises(DataError, match="'s' has 5 images"):
        parts_of("s", [example(number, "a") for number in range(5)], entry(test=5), 0)


def test_sources_that_share_patients_are_made_disjoint():
    entries = {"s": entry(disjoint_from="t", share=0.25), "t": entry(), "unused": entry()}
    found = {"s": listed(80), "t": listed(80, first=0)}

    class Made:
        def __init__(self, name):
            self.examples = lambda: found[name]

    both = list_sources(entries, {"s", "t"}, Made, [], 0).examples
    assert not patients(both["s"]) & patients(both["t"])
    assert len(patients(both["s"])) == 10
    assert len(patients(both["t"])) == 30
    alone = list_sources(entries, {"s"}, Made, [], 0).examples
    assert alone["s"] == both["s"], "a source is the same in every recipe"


def test_labels_are_renamed_and_dropped():
    class Made:
        def __init__(self, _):
            self.examples = lambda: [example(0, "A"), example(1, "junk"), example(2)]

    found = list_sources({"s": entry(rename={"A": "a", "junk": None})}, {"s"}, Made, [], 0).examples["s"]
    assert [row.labels for row in found] == [{"a"}, set(), None]


def test_a_class_that_is_renamed_and_that_no_image_has():
    made = SimpleNamespace(examples=lambda: [example(0, "healthy"), example(1, "ill")])
    with pytest.raises(DataError, match=r"source 's': rename: no image is labelled 'ill ' \(did you mean 'ill'\?\)"):
        examples_of("s", entry(rename={"healthy": None, "ill ": "ill"}), made)


def test_a_label_that_is_no_class_is_refused_with_several_labels_too():
    output = Output("multilabel", ("healthy", "ill"))
    decoded = SimpleNamespace(structures=())
    for labels in (("il l",), ("ill", "il l")):
        rows = [example(0, "healthy", "ill"), example(1, *labels)]
        assert rows_of("s", ["i0"], output, rows, decoded).targets.tolist() == [[1.0, 1.0]]
        with pytest.raises(
            DataError, match=r"'s': i1 is labelled 'il l', which is not .* \(did you mean 'ill'\?\); ren"
        ):
            rows_of("s", ["i0", "i1"], output, rows, decoded)
        made = SimpleNamespace(examples=lambda rows=rows: rows)
        dropped = examples_of("s", entry(rename={"il l": None}), made)
        kept = rows_of("s", ["i1"], output, dropped, decoded).targets.tolist()
        assert kept == [[0.0, float("ill" in labels)]]


@pytest.mark.parametrize(("rows", "message"), [([], "has no images"), ([example(0), example(0)], "image 'i0' twice")])
def test_a_source_without_images_or_with_an_id_twice(rows, message):
    class Made:
        def __init__(self, _):
            self.examples = lambda: rows

    with pytest.raises(DataError, match=message):
        list_sources({"s": entry()}, {"s"}, Made, [], 0)


def test_pools_of_a_task_do_not_leak():
    found = split_tasks({"t": (spec(evaluate_on={"in": "s"}), OUTPUT)}, files(s=listed()), 0, select=True)["t"]
    source = listed()
    train = patients_of(source, found.labeled + found.unlabeled)
    assert not train & patients_of(source, found.val)
    assert not train & patients_of(source, found.test["in"].ids)
    assert len(found.labeled) == 10


@pytest.mark.parametrize("includes", [True, False])
def test_unlabelled_images_include_the_labelled_ones_or_not(includes):
    tasks = {"t": (spec(unlabeled_includes_labeled=includes), OUTPUT)}
    found = split_tasks(tasks, files(s=listed()), 0, select=True)["t"]
    assert set(found.labeled) <= set(found.unlabeled) if includes else not set(found.labeled) & set(found.unlabeled)


def test_a_split_does_not_depend_on_other_tasks_or_sources():
    one = {"t": (spec(evaluate_on={"in": "s"}), OUTPUT)}
    two = {"lungs": (spec("u", evaluate_on={"x": "u"}), LUNGS), "also": (spec(labeled=3), OUTPUT), **one}
    alone = split_tasks(one, files(s=listed()), 5, select=True)
    beside = split_tasks(two, files(s=listed(), u=listed(60, grey=50)), 5, select=True)
    assert alone["t"] == beside["t"]
    assert split_tasks(one, files(s=listed()), 6, select=True) != alone


NOTHING = Output("none", ())


def bare(source="s", **options):
    return spec(source, **{"labeled": "all", **options}), NOTHING


def test_a_task_without_labels_trains_on_all_but_whom_others_score():
    one = {"t": (spec(evaluate_on={"in": "s"}), OUTPUT)}
    source = listed()
    found = split_tasks({**one, "bare": bare()}, files(s=source), 5, select=True)
    assert found["t"] == split_tasks(one, files(s=source), 5, select=True)["t"]
    scored = patients_of(source, [*found["t"].val, *found["t"].test["in"].ids])
    unlabeled = found["bare"].unlabeled
    assert set(unlabeled) == {image.id for image in source if image.patient not in scored}
    assert (found["bare"].labeled, found["bare"].val, found["bare"].test) == ([], [], {})
    assert found["bare"].left_out == {"train": 120 - len(unlabeled), "val": 0}


def test_a_task_without_labels_takes_only_what_a_source_gives_for_training():
    parts = ("train", "val", "test")
    source = tuple(example(number, patient=f"p{number}", split=parts[number % 3]) for number in range(9))
    found = split_tasks({"bare": bare()}, files(s=source), 0, select=True)["bare"]
    assert found.unlabeled == [image.id for image in source if image.split == "train"]


def test_a_task_without_labels_whose_images_are_all_tested_is_an_error():
    rest = tuple(example(number, "ab"[number % 2], patient="same", split="test") for number in range(4))
    tasks = {"t": (spec(evaluate_on={"out": "u"}), OUTPUT), "bare": bare("u")}
    with pytest.raises(DataError, match="'bare': the source 'u' has no image to train on: it has none for training"):
        split_tasks(tasks, files(s=listed(), u=rest), 0, select=True)


def test_disjoint_tasks_of_one_source_share_no_patient_in_any_part():
    tasks = {
        "t": (spec(evaluate_on={"in": "s"}), OUTPUT),
        "lungs": (spec(disjoint_from="t", evaluate_on={"in": "s"}), LUNGS),
    }
    source = listed(200)
    found = split_tasks(tasks, files(s=source), 0, select=True)
    seen = {
        name: patients_of(source, (*part.labeled, *part.unlabeled, *part.val, *part.test["in"].ids))
        for name, part in found.items()
    }
    assert not seen["t"] & seen["lungs"]
    assert len(seen["t"] | seen["lungs"]) == 100


def test_a_source_that_no_task_trains_on_is_entirely_a_test_set():
    tasks = {"t": (spec(evaluate_on={"in": "s", "out": "u"}), OUTPUT)}
    found = split_tasks(tasks, files(s=listed(), u=listed(60, grey=50)), 0, select=True)["t"]
    assert len(found.test["out"].ids) == 60
    assert len(found.test["in"].ids) < 40


@pytest.mark.parametrize(
    ("tasks", "source", "message"),
    [
        ({"t": (spec(labeled=1000), OUTPUT)}, listed(), "1000 images are wanted"),
        ({"t": (spec(), Output("multiclass", ("a", "bee")))}, listed(), "no image .* has the class 'bee'"),
        ({"t": (spec(), Output("masks", ("liver",)))}, listed(), "the structure 'liver'"),
        (
            {"t": (spec(labeled=1), OUTPUT)},
            tuple(example(n, "ab"[n % 2], split="train") for n in range(9)),
            "no validation",
        ),
        (
            {"t": (spec(evaluate_on={"in": "s"}, labeled=1), OUTPUT)},
            tuple(example(n, "ab"[n % 2], split="train" if n < 9 else "val") for n in range(12)),
            "no test images with labels",
        ),
    ],
)
def test_mistakes_in_the_data_are_reported(tasks, source, message):
    with pytest.raises(DataError, match=message):
        split_tasks(tasks, files(s=source), 0, select=True)


def test_a_split_file_comes_back_as_it_was(tmp_path):
    tasks = {"t": (spec(evaluate_on={"in": "s", "out": "u"}), OUTPUT), "lungs": (spec("u"), LUNGS)}
    data = files(s=listed(), u=listed(60, grey=50))
    found = split_tasks(tasks, data, 0, select=True)
    write_split_file(tmp_path / "split.json", found, 0, {"s": "f"})
    assert read_split(tmp_path / "split.json", tasks, data) == found
    assert read_split(tmp_path / "split.json", {"t": tasks["t"]}, data) == {"t": found["t"]}


def test_every_image_of_whoever_trains_is_recorded_even_one_that_does_not(tmp_path):
    """A copy of it, under another patient's name, would show the same person."""
    rows = [replace(row, labels=None if number % 4 == 3 else row.labels) for number, row in enumerate(listed())]
    data, path = files(s=rows), tmp_path / "split.json"
    found = split_tasks({"t": (spec(evaluate_on={"in": "s"}), OUTPUT)}, data, 0, select=True)
    write_split_file(path, found, 0, {}, data.identities, data.namespaces)
    written, patients = read_split_file(path), {row.id: row.patient for row in rows}
    part = found["t"]
    used = {patients[one] for one in (*part.labeled, *part.unlabeled, *part.val)}
    assert set(written.images["s"]) == {row.id for row in rows if row.patient in used}
    assert set(written.images["s"]) > {*part.labeled, *part.unlabeled, *part.val}, "some do not train"
    assert set(written.tested["s"]) == set(part.test["in"].ids)


def test_images_that_a_source_lost_still_tell_whom_their_copies_show(tmp_path):
    """As by `disjoint_from`, or a portion: they train nothing, but may be of somebody who does."""
    rows, path = [example(n, "ab"[n // 2 % 2], patient=f"p{n // 2}") for n in range(40)], tmp_path / "split.json"
    whole = files(s=rows)
    data = whole.without({"s": frozenset(row.id for row in rows[::2])})
    found = split_tasks({"t": (spec(labeled=4, evaluate_on={"in": "s"}), OUTPUT)}, data, 0, select=True)
    write_split_file(path, found, 0, {}, data.listed, data.namespaces, data.people)
    part = found["t"]
    trained = {row.patient for row in rows if row.id in {*part.labeled, *part.unlabeled, *part.val}}
    copies = [replace(one, id=f"copy of {one.id}", patient=f"q{one.id}") for one in whole.identities["s"][::2]]
    expected = {f"copy of {row.id}" for row in rows[::2] if row.patient in trained}
    assert used_images(read_split_file(path), {"q": copies}, {"q": "elsewhere"})["q"] == expected
    assert 0 < len(expected) < len(copies)


def test_the_digest_of_a_split_file_is_of_all_of_it():
    split = SplitFile(
        tasks={"t": TaskSplit(source="s", labeled=["a"], unlabeled=["a"], val=[], test={})},
        namespaces={"s": "one"}, images={"s": {"a": ["x", "p1"]}}, tested={"s": {"b": "y"}},
    )  # fmt: skip
    changes = ({"seed": 1}, {"namespaces": {}}, {"images": {}}, {"tested": {}}, {"fingerprints": {"s": "z"}})
    changes += ({"others": {"s": {"c": ["z", "p2"]}}},)
    assert split.digest() == "5333b69de33e2981", "that of earlier versions, which weights and checkpoints keep"
    assert len({split.model_copy(update=change).digest() for change in ({}, *changes)}) == 1 + len(changes)


def twice(ids):
    ids.append(ids[0])


def shared(content, part):
    """A test image is in another part, too."""
    content["tasks"]["t"][part].append(content["tasks"]["t"]["test"]["in"]["ids"][0])


def other_of_a_patient(content):
    """Of the two images of a test patient, one trains."""
    content["tasks"]["t"]["unlabeled"].append(content["tasks"]["t"]["test"]["in"]["ids"].pop())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("tasks"), "split.json: tasks: is missing"),
        (lambda content: content["tasks"].update(tt=content["tasks"].pop("t")), "no task 't' .*did you mean 'tt'"),
        (lambda content: content["tasks"]["t"].update(source="u"), "split over 'u', but the recipe has 's'"),
        (lambda content: content["tasks"]["t"]["labeled"].append("ghost"), "no image 'ghost'"),
        (
            lambda content: content["tasks"]["t"].update(labeled=3),
            r"split.json: tasks.t.labeled: .*list, such as \[3\], found 3",
        ),
        (lambda content: content["tasks"]["t"].update(labeled=[]), "no labelled image"),
        (
            lambda content: content["tasks"]["t"]["val"].append(5),
            r"tasks.t.val\.\d+: should be text, found 5",
        ),
        (lambda content: content["tasks"]["t"]["test"]["in"]["ids"].append("ghost"), "no image 'ghost'"),
        (lambda content: twice(content["tasks"]["t"]["labeled"]), "labeled: 'i\\d+' stands there twice"),
        (lambda content: twice(content["tasks"]["t"]["test"]["in"]["ids"]), "test.in: 'i\\d+' stands there twice"),
        (
            lambda content: content["tasks"]["t"]["labeled"].pop(),
            "has 9 labelled images, but the recipe has labeled: 10",
        ),
        (lambda content: content["tasks"]["t"]["test"].update(out=content["tasks"]["t"]["test"]["in"]), "is tested on"),
        (
            lambda content: shared(content, "unlabeled"),
            "in the train part, .* in the test part, and both are one image",
        ),
        (lambda content: shared(content, "val"), "in the val part, .* in the test part, and both are one image"),
        (lambda content: other_of_a_patient(content), "in the train part, .* in the test part, .* or of one patient"),
        (lambda content: content["tasks"]["t"]["val"].append("bare"), "val: 'bare' has no label"),
    ],
)
def test_a_split_file_of_something_else(tmp_path, change, message):
    bare = replace(example(0), id="bare", patient="bare")
    task, path = spec(evaluate_on={"in": "s"}), tmp_path / "split.json"
    data = files(s=(*listed(), bare), u=listed(60, grey=50))
    write_split_file(path, split_tasks({"t": (task, OUTPUT)}, data, 0, select=True), 0, {})
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_split(path, {"t": (task, OUTPUT)}, data)
