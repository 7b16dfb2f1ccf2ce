"""`--set` into lists of words, and in the place of a component."""

import pytest

from ssmtl.errors import RecipeError
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.overrides import overridden

RECIPE = {
    "trackers": ["tensorboard"],
    "tasks": {"lungs": {"head": {"use": "one", "classes": ["lung"], "width": 3}, "metrics": ["dice", "jaccard"]}},
}


@pytest.mark.parametrize(
    ("override", "metrics"),
    [
        ("tasks.lungs.metrics.0.use=auroc", [{"use": "auroc"}, "jaccard"]),
        ("tasks.lungs.metrics.jaccard.threshold=0.3", ["dice", {"use": "jaccard", "threshold": 0.3}]),
    ],
)
def test_a_word_among_components_may_get_options(override, metrics):
    assert overridden(RECIPE, override)[0]["tasks"]["lungs"]["metrics"] == metrics


def test_so_may_a_tracker():
    assert overridden(RECIPE, "trackers.0.use=mlflow")[0]["trackers"] == [{"use": "mlflow"}]


@pytest.mark.parametrize("last", ["use", "x.y"])
def test_other_words_have_no_keys(last):
    override = f"tasks.lungs.head.classes.0.{last}=1"
    with pytest.raises(RecipeError) as caught:
        overridden(RECIPE, override)
    assert str(caught.value) == f"--set {override}: tasks.lungs.head.classes.0: is 'lung', which has no keys"


def test_an_option_that_an_override_removed_is_missing_because_of_it():
    content, known = overridden(RECIPE, "tasks.lungs.head.use=two")
    assert content["tasks"]["lungs"]["head"] == {"use": "two"}
    place = RecipeText(content, "r.yaml", (known,)).place("tasks.lungs.head.classes")
    assert place == "r.yaml with --set tasks.lungs.head.use=two: tasks.lungs.head.classes"
    content, later = overridden(content, "tasks.lungs.head.classes=[]", [known])
    assert RecipeText(content, "r.yaml", (known, later)).place("tasks.lungs.head.classes") == later.shown


def test_of_two_equal_items_none_is_meant_by_name():
    """As in a recipe that extends another."""
    content = {"tasks": {"lungs": {"strategies": [{"use": "one"}, {"use": "two"}, {"use": "one"}]}}}
    with pytest.raises(RecipeError, match=r"there are 2 items 'one' \(name one by its number\)"):
        overridden(content, "tasks.lungs.strategies.one.weight=2")
    changed = overridden(content, "tasks.lungs.strategies.2.weight=2")[0]["tasks"]["lungs"]["strategies"]
    assert changed == [{"use": "one"}, {"use": "two"}, {"use": "one", "weight": 2}]
