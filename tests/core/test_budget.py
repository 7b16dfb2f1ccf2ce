"""Label budgets: the right number, in proportion, nested."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_examples import example

from ssmtl.contracts.head import Output
from ssmtl.data.budget import choose, is_labeled
from ssmtl.errors import DataError

TWO = Output("multiclass", ("a", "b"))
MASKS = Output("masks", ("lung",))

class_sizes = st.fixed_dictionaries({"a": st.integers(1, 40), "b": st.integers(1, 40), "": st.integers(0, 10)})


def pool(sizes):
    labels = [(name,) if name else () for name, count in sizes.items() for _ in range(count)]
    return [example(number, *found) for number, found in enumerate(labels)]


def ids(examples):
    return [found.id for found in examples]


@given(class_sizes, st.data())
def test_the_right_number_of_labelled_images_in_proportion(sizes, data):
    examples = pool(sizes)
    labeled = sizes["a"] + sizes["b"]
    budget = data.draw(st.integers(1, labeled))
    chosen = choose(examples, budget, TWO, 0, "task")
    assert len(set(ids(chosen))) == len(chosen) == budget
    assert all(found.labels for found in chosen)
    counts = Counter(label for found in chosen for label in found.labels)
    for name in "ab":
        assert abs(counts[name] - budget * sizes[name] / labeled) <= 1, "within one image of the exact share"
        assert counts[name] or budget < 2, "every class has an image if the budget allows"


@given(class_sizes, st.integers(0, 3))
def test_a_larger_budget_keeps_the_images_of_a_smaller_one(sizes, seed):
    examples = pool(sizes)
    smaller: set[str] = set()
    for budget in range(1, sizes["a"] + sizes["b"] + 1):
        larger = set(ids(choose(examples, budget, TWO, seed, "task")))
        assert smaller <= larger, budget
        smaller = larger


def test_nested_with_three_classes_of_which_two_are_rare():
    sizes = {"a": 60, "b": 5, "c": 3}
    examples = pool(sizes)
    smaller: set[str] = set()
    for budget in range(1, 69):
        larger = set(ids(choose(examples, budget, Output("multiclass", ("a", "b", "c")), 0, "task")))
        assert smaller <= larger, budget
        smaller = larger


def test_a_share_all_and_a_number_per_class():
    examples = pool({"a": 30, "b": 10, "": 5})
    assert len(choose(examples, 0.25, TWO, 0, "t")) == 10
    assert len(choose(examples, 1.0, TWO, 0, "t")) == 40
    assert len(choose(examples, 0.0001, TWO, 0, "t")) == 1
    assert ids(choose(examples, "all", TWO, 0, "t")) == [f"i{number}" for number in range(40)]
    chosen = choose(examples, {"a": 2, "b": 7}, TWO, 0, "t")
    assert Counter(label for found in chosen for label in found.labels) == {"a": 2, "b": 7}


def test_seed_and_task_choose_other_images_and_the_order_of_listing_stays():
    examples = pool({"a": 30, "b": 30, "": 0})
    chosen = [ids(choose(examples, 10, TWO, seed, task)) for seed, task in ((0, "t"), (1, "t"), (0, "u"))]
    assert len({tuple(found) for found in chosen}) == 3
    for found in chosen:
        assert found == sorted(found, key=lambda name: int(name[1:]))
    assert ids(choose(examples, 10, TWO, 0, "t")) == chosen[0]


def test_several_labels_count_for_the_rarest():
    examples = [example(number, "common", *(["rare"] if number < 4 else [])) for number in range(40)]
    output = Output("multilabel", ("common", "rare"))
    chosen = choose(examples, 10, output, 0, "t")
    assert sum("rare" in found.labels for found in chosen) == 1


def test_masks_need_one_structure():
    output = Output("masks", ("lung", "heart"))
    examples = [example(0, masks=("lung",)), example(1, masks=("lung", "heart")), example(2)]
    assert ids(choose(examples, "all", output, 0, "t")) == ["i0", "i1"]
    assert is_labeled(examples[0], MASKS)
    assert not is_labeled(examples[2], MASKS)


def test_no_finding_is_a_label_of_a_multilabel_task_only():
    healthy = example(0)
    healthy = type(healthy)(healthy.id, healthy.patient, healthy.image, frozenset())
    assert is_labeled(healthy, Output("multilabel", ("a",)))
    assert not is_labeled(healthy, TWO)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (41, r"task 't': labeled: 41 images are wanted, the train part has 40"),
        ({"a": 31}, "31 images of 'a' are wanted, the train part has 30"),
        ({"aa": 1}, r"no class 'aa' \(did you mean|no class 'aa' \(known: a, b"),
    ],
)
def test_a_budget_that_cannot_be_met(budget, message):
    with pytest.raises(DataError, match=message):
        choose(pool({"a": 30, "b": 10, "": 5}), budget, TWO, 0, "t")
