"""Validation and test are drawn among the images that a task can score; the others stay in its unlabelled pool."""

from collections import Counter
from hashlib import sha256

import pytest
from made_examples import example

from ssmtl.contracts.head import Output
from ssmtl.data.parts import parts_of
from ssmtl.data.pool import SourceFiles
from ssmtl.data.split import split_tasks
from ssmtl.data.targets import check_labels
from ssmtl.errors import DataError
from ssmtl.recipe.models import SourceEntry, TaskSpec

OUTPUT = Output("multiclass", ("a", "b"))
LUNGS = Output("masks", ("lung",))


def entry(**options):
    return SourceEntry(use="x", **options)


def spec(source="s", **options):
    content = {"source": source, "head": {"use": "h"}, "strategies": [{"use": "s"}], "evaluate_on": {"in": source}}
    return TaskSpec.model_validate({**content, **options})


def partly(count=200, labelled=40, per_patient=1, every=5):
    """Every fifth patient is labelled, until there are as many labelled images as asked for."""
    rows, given = [], 0
    for number in range(count):
        known = number // per_patient % every == 0 and given < labelled
        given += known
        rows.append(example(number, *("ab"[given % 2],) * known, patient=f"p{number // per_patient}"))
    return tuple(rows)


def split(tasks, sources, entries=None, select=True, seed=0):
    entries = {name: (entries or {}).get(name, entry()) for name in sources}
    return split_tasks(tasks, SourceFiles(sources, entries), seed, select)


def test_images_without_labels_stay_in_the_unlabelled_pool():
    rows = partly()
    found = split({"t": (spec(), OUTPUT)}, {"s": rows})["t"]
    assert len(found.test["in"].ids) == 8, "a fifth of 40"
    assert len(found.val) == 6
    assert len(found.unlabeled) == 200 - 8 - 6
    assert found.left_out == {"train": 0, "val": 0}


def test_a_number_is_one_of_labelled_images():
    found = split({"t": (spec(), OUTPUT)}, {"s": partly()}, {"s": entry(val=10, test=12)})["t"]
    assert (len(found.val), len(found.test["in"].ids), len(found.labeled)) == (10, 12, 18)
    with pytest.raises(DataError, match=r"'s' has 40 labelled images to train on; test: 40 cannot be carved out"):
        split({"t": (spec(), OUTPUT)}, {"s": partly()}, {"s": entry(test=40)})


def test_unlabelled_images_go_with_their_patient_and_are_counted():
    """Each labelled patient has a labelled image and one without."""
    rows = tuple(
        example(number, *("ab"[number % 4 == 0],) * (number % 2 == 0), patient=f"p{number // 2}")
        for number in range(80)
    )
    patient = {row.id: row.patient for row in rows}
    found = split({"t": (spec(), OUTPUT)}, {"s": rows})["t"]
    scored = {patient[one] for one in (*found.val, *found.test["in"].ids)}
    assert not scored & {patient[one] for one in found.unlabeled}
    everyone = {*found.unlabeled, *found.val, *found.test["in"].ids}
    assert found.left_out == {"train": len(rows) - len(everyone), "val": 0}
    assert found.left_out["train"] == len(scored) > 0


def test_what_the_sets_own_split_leaves_without_a_label_is_counted():
    rows = tuple(
        example(number, *("ab"[number // 6 % 2],) * (number % 6 < 3), split=("train", "val", "test")[number % 3])
        for number in range(60)
    )
    found = split({"t": (spec(), OUTPUT)}, {"s": rows})["t"]
    assert (len(found.val), len(found.test["in"].ids)) == (10, 10)
    assert found.left_out == {"train": 20, "val": 0}


def test_each_task_draws_among_what_it_can_score_and_nobody_is_on_two_sides():
    """Of 200 images, 40 have a class, 60 others a mask, 20 both."""
    rows = tuple(
        example(number, *("ab"[number % 2],) * (number < 60), masks=("lung",) * (40 <= number < 120))
        for number in range(200)
    )
    tasks = {"t": (spec(), OUTPUT), "lungs": (spec(), LUNGS)}
    found = split(tasks, {"s": rows})
    assert len(found["t"].test["in"].ids) == 12
    assert len(found["lungs"].test["in"].ids) == 16
    sides = Counter()
    for ids in (
        {one for part in found.values() for one in part.unlabeled},
        {one for part in found.values() for one in part.val},
        {one for part in found.values() for one in part.test["in"].ids},
    ):
        sides.update(ids)
    assert max(sides.values()) == 1
    assert set(found["t"].unlabeled) == set(found["lungs"].unlabeled)


def test_disjoint_tasks_of_a_partly_labelled_set_lose_nobody_whom_only_one_of_them_drew():
    rows = tuple(
        example(number, *("ab"[number // 2 % 2],) * (number % 2), masks=("lung",) * (number % 2 == 0))
        for number in range(200)
    )
    tasks = {"t": (spec(), OUTPUT), "lungs": (spec(disjoint_from="t"), LUNGS)}
    found = split(tasks, {"s": rows})
    seen = {name: {*part.labeled, *part.unlabeled, *part.val, *part.test["in"].ids} for name, part in found.items()}
    assert not seen["t"] & seen["lungs"]
    assert [len(part.test["in"].ids) for part in found.values()] == [20, 20]
    assert [len(part.val) for part in found.values()] == [16, 15]


def test_another_tasks_training_set_is_tested_on_images_that_can_be_scored():
    rows = tuple(example(n, *("ab"[n % 2],) * (n % 4 != 0), masks=("lung",) * (n % 4 == 0)) for n in range(100))
    other = tuple(example(n, masks=("lung",), grey=50) for n in range(100))
    tasks = {"t": (spec(), OUTPUT), "lungs": (spec("u", evaluate_on={"out": "s"}), LUNGS)}
    found = split(tasks, {"s": rows, "u": other})
    assert len(found["lungs"].test["out"].ids) == 5
    assert all(rows[int(one[1:])].masks for one in found["lungs"].test["out"].ids)


def test_the_parts_of_a_wholly_labelled_set_are_those_of_earlier_versions():
    rows = partly(labelled=200, per_patient=2, every=1)
    parts = parts_of("s", rows, entry(), 0)
    digest = sha256(" ".join(row.id for part in ("val", "test") for row in parts[part]).encode()).hexdigest()[:16]
    assert digest == "f998bae031d20dae"


@pytest.mark.parametrize("seed", range(5))
def test_tasks_that_score_the_same_patients_mostly_draw_the_same(seed):
    """Of a patient's three images, one or two lack a label or a mask."""
    rows = tuple(
        example(n, *("ab"[n // 3 % 2],) * (n % 7 > 1), masks=("lung",) * (n % 5 > 1), patient=f"p{n // 3}")
        for n in range(300)
    )
    found = split({"t": (spec(), OUTPUT), "lungs": (spec(), LUNGS)}, {"s": rows}, seed=seed)
    first, second = ({rows[int(one[1:])].patient for one in part.test["in"].ids} for part in found.values())
    assert len(first & second) >= 0.6 * len(first)


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_a_wholly_labelled_set_do_not_depend_on_who_asks(seed):
    rows = partly(labelled=200, per_patient=2, every=1)
    assert parts_of("s", rows, entry(), seed) == parts_of(
        "s", rows, entry(), seed, labeled=dict.fromkeys((row.id for row in rows), "")
    )


@pytest.mark.parametrize("unlabelled", [0, 50, 500])
def test_more_unlabelled_images_change_no_scored_one(unlabelled):
    rows = (*partly(40, every=1), *(example(1000 + number) for number in range(unlabelled)))
    found = split({"t": (spec(), OUTPUT)}, {"s": rows})["t"]
    alone = split({"t": (spec(), OUTPUT)}, {"s": rows[:40]})["t"]
    assert (found.val, found.test, found.labeled) == (alone.val, alone.test, alone.labeled)


def masked(*structures, count=20):
    return tuple(example(number, masks=structures) for number in range(count))


HEART = Output("masks", ("lung", "heart"))


@pytest.mark.parametrize(
    ("tasks", "sources", "message"),
    [
        (
            {"t": (spec(evaluate_on={"out": "b"}), HEART)},
            {"s": masked("lung", "heart"), "b": masked("rib")},
            r"task 't': the source 'b' has nothing to evaluate on: none of its images has a mask of the structure "
            r"'lung' \(known: rib\)",
        ),
        (
            {"t": (spec(evaluate_on={"out": "b"}), OUTPUT)},
            {"s": partly(), "b": masked("lung")},
            "'b' has nothing to evaluate on: none of its images is labelled",
        ),
    ],
)
def test_what_a_source_lacks_is_named(tasks, sources, message):
    with pytest.raises(DataError, match=message):
        split(tasks, sources)


def test_an_empty_test_part_has_a_reason_and_hides_no_misspelt_class():
    tasks = {"t": (spec(labeled={"a": 5, "bb": 5}), OUTPUT)}
    with pytest.raises(DataError) as caught:
        split(tasks, {"s": partly(20, 3, every=1)}, {"s": entry(test=0.01)})
    first, second = caught.value.problems
    assert first == (
        "task 't': the source 's' has no test images with labels to evaluate on: 'test: 0.01' draws none of its 3 "
        "images with labels, by whole patients and in proportion to the classes; ask for more with 'test: NUMBER' in "
        "its entry of the sources file"
    )
    assert second == "task 't': labeled: no class 'bb' (did you mean 'b'?)"


def test_why_there_are_no_validation_images():
    few = partly(20, 3, every=1)
    tasks = {"t": (spec(evaluate_on={}), OUTPUT)}
    with pytest.raises(DataError, match=r"'val: 0.15', which is the default, draws none of its 3 images with labels"):
        split(tasks, {"s": few})
    with pytest.raises(DataError, match=r"'val: 0.01' draws none of its 3 images .* ask for more with 'val: NUMBER'"):
        split(tasks, {"s": few}, {"s": entry(val=0.01)})
    own = tuple(example(n, *"ab"[n % 2] * (n < 15), split="train" if n < 15 else "val") for n in range(20))
    with pytest.raises(DataError, match=r"of its 15 images with labels, none is in its own val part; label some there"):
        split(tasks, {"s": own})
    with pytest.raises(
        DataError, match=r"its own split has no such part. Give it some \(split=val\), or .*'val: 0.15'"
    ):
        split(tasks, {"s": own[:15]})
    assert not split(tasks, {"s": few}, select=False)["t"].val


def test_validation_images_whose_patients_are_tested_elsewhere_are_counted():
    """The other source holds copies of all that validates."""
    rows = partly(40, 40, every=1)
    validating = set(split({"t": (spec(evaluate_on={}), OUTPUT)}, {"s": rows})["t"].val)
    copies = tuple(row for row in rows if row.id in validating)
    with pytest.raises(DataError, match=rf"it drew {len(copies)} images, all left out, since whom they show is tested"):
        split({"t": (spec(evaluate_on={"out": "b"}), OUTPUT)}, {"s": rows, "b": copies})


def test_labels_that_are_no_class_are_found_without_decoding():
    rows = (*partly(40, 40, every=1), example(99, "tb"))
    tasks = {"t": (spec(), OUTPUT)}
    found = split(tasks, {"s": rows})
    with pytest.raises(DataError, match=r"'s': i99 is labelled 'tb', which is not a class of the head .*'rename:'"):
        check_labels(found, {"t": OUTPUT}, {"s": rows})
    check_labels(found, {"t": Output("multiclass", ("a", "b", "tb"))}, {"s": rows})
