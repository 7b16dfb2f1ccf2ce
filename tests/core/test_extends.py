"""Recipes that change others: what is merged, what is exchanged, and where an error is placed."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ssmtl.errors import RecipeError
from ssmtl.recipe.extends import Layer, merged
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from tests.cli.command_line import call, process
from tests.core.test_recipe import SMALL

SHIPPED = load_plugins()["recipe"]


def write(folder, **files):
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return str(folder / f"{next(iter(files))}.yaml")


def strategies(text):
    return text.content["tasks"]["diagnosis"]["strategies"]


def test_a_recipe_that_extends_another_says_only_what_differs(tmp_path):
    base = copy.deepcopy(SMALL)
    base["tasks"]["diagnosis"]["strategies"][1] |= {"weight": 0.25, "threshold": 0.9}
    own = {
        "extends": "base.yaml",
        "name": "other",
        "image": {"channels": 3},
        "tasks": {
            "diagnosis": {"strategies": {"fixmatch": {"threshold": 0.8}, 2: {"use": "cross_entropy", "weight": 2}}},
            "lungs": {"bridge": None},
        },
    }
    found = read(write(tmp_path, own=own, base=base), SHIPPED)
    expected = copy.deepcopy(base)
    expected |= {"name": "other", "image": {"size": 32, "channels": 3}}
    expected["tasks"]["lungs"]["bridge"] = None
    expected["tasks"]["diagnosis"]["strategies"][1]["threshold"] = 0.8
    expected["tasks"]["diagnosis"]["strategies"].append({"use": "cross_entropy", "weight": 2})
    assert found.content == expected
    found.validated()


def test_a_component_in_the_place_of_another_keeps_the_weight_and_nothing_else(tmp_path):
    base = copy.deepcopy(SMALL)
    base["tasks"]["diagnosis"]["strategies"][1] |= {"weight": 0.25, "threshold": 0.9}
    other = {"use": "flexmatch", "strong": "weak"}
    own = {"extends": "base.yaml", "tasks": {"diagnosis": {"strategies": {1: other}}}}
    path = write(tmp_path, own=own, base=base)
    assert strategies(read(path, SHIPPED))[1] == {**other, "weight": 0.25}
    told = read(path, SHIPPED, overrides=["tasks.diagnosis.strategies.1.use=fixmatch"])
    assert strategies(told)[1] == {"use": "fixmatch", "weight": 0.25}
    kept = ["tasks.diagnosis.strategies.1.strong=weak", "tasks.diagnosis.strategies.1.use=fixmatch"]
    assert strategies(read(path, SHIPPED, overrides=kept))[1] == {"use": "fixmatch", "strong": "weak", "weight": 0.25}
    same = read(path, SHIPPED, overrides=["tasks.diagnosis.strategies.1.use=flexmatch"])
    assert strategies(same) == strategies(read(path, SHIPPED))


def test_the_method_of_a_shipped_recipe_is_exchanged_by_one_setting():
    code, _, said = call("check", "multimix", "--no-data", "--set", "tasks.diagnosis.strategies.1.use=flexmatch")
    assert code == 0, said


def test_it_may_extend_a_shipped_one_and_a_chain(tmp_path):
    path = write(tmp_path, c={"extends": "b.yaml", "seed": 3}, b={"extends": "multimix", "name": "b", "seed": 2})
    found, base = read(path, SHIPPED), read("multimix", SHIPPED)
    assert found.content == {**base.content, "name": "b", "seed": 3}
    from_python = read({"extends": "multimix", "name": "b", "seed": 3}, SHIPPED)
    assert from_python.content == found.content


def test_files_are_found_beside_the_recipe_that_names_them(tmp_path):
    (tmp_path / "base").mkdir()
    write(tmp_path / "base", base={**SMALL, "sources": "images.yaml", "plugins": ["mine.py"]}, images=SMALL["sources"])
    (tmp_path / "base/mine.py").write_text("import ssmtl\n@ssmtl.hookimpl\ndef ssmtl_run_ended(run): ...\n")
    path = write(tmp_path, own={"extends": "base/base.yaml"})
    assert read(path, SHIPPED).content["sources"] == SMALL["sources"]
    code, _, said = call("check", path, "--no-data", "--allow-local-plugins")
    assert code == 0, said


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"extends": "own.yaml"}, "own.yaml: extends: goes round in a circle"),
        ({"extends": "round.yaml"}, "round.yaml: extends: goes round in a circle"),
        ({"extends": "basse.yaml"}, "own.yaml: extends: there is no file or recipe 'basse.yaml'"),
        ({"extends": "multimx"}, "did you mean 'multimix'?"),
        ({"extends": ["base.yaml"]}, "own.yaml: extends: is ['base.yaml']; expected the name of a recipe"),
        ({"extends": "base.yaml", "train": {"stepz": 1}}, "own.yaml: train.stepz: unknown key"),
        ({"extends": "base.yaml", "tasks": None}, "own.yaml: tasks: should be keys with values"),
        ({"extends": "base.yaml", "tasks": {"lungs": None}}, "own.yaml: tasks.lungs: should be keys with values"),
        ({"extends": "/no/such.yaml"}, "own.yaml: extends: there is no file or recipe '/no/such.yaml'"),
        ({"extends": "wrong.yaml"}, "wrong.yaml: image.sise: unknown key"),
        (
            {"extends": "base.yaml", "tasks": {"diagnosis": {"strategies": {"fixmath": {"weight": 1}}}}},
            "own.yaml: tasks.diagnosis.strategies.fixmath: no item 'fixmath' in the list (did you mean 'fixmatch'?)",
        ),
        (
            {"extends": "base.yaml", "tasks": {"diagnosis": {"strategies": {3: {"use": "fixmatch"}}}}},
            "own.yaml: tasks.diagnosis.strategies.3: no item '3' in the list",
        ),
    ],
    ids=str,
)
def test_mistakes_are_placed_in_the_file_that_makes_them(tmp_path, own, words):
    path = write(
        tmp_path,
        own=own,
        base=SMALL,
        round={"extends": "own.yaml"},
        wrong={**SMALL, "image": {"sise": 32}},
    )
    code, _, said = call("check", path, "--no-data")
    assert code == 2
    assert words in said, said
    assert "Traceback" not in said


def test_the_resolved_recipe_is_a_recipe_and_says_the_same(tmp_path):
    path = write(tmp_path, own={"extends": "base.yaml", "seed": 5}, base=SMALL)
    code, shown, said = process("check", path, "--resolved", columns=80)
    assert (code, said) == (0, "")
    again = tmp_path / "again.yaml"
    again.write_text(shown)
    assert "extends" not in yaml.safe_load(shown)
    assert call("check", again, "--resolved")[1] == shown


words = st.text("abc", min_size=1, max_size=2)
trees = st.recursive(st.integers() | st.none(), lambda inner: st.dictionaries(words, inner, max_size=3), max_leaves=8)
mappings = st.dictionaries(words, trees, max_size=4)


def over(old, new):
    """The oracle: leaf by leaf."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {key: over(old[key], new[key]) if key in old and key in new else (new if key in new else old)[key]
            for key in [*old, *(one for one in new if one not in old)]}  # fmt: skip


@given(mappings, mappings, mappings)
def test_later_files_win_leaf_by_leaf(first, second, third):
    layers = [Layer(f"{number}.yaml", one) for number, one in enumerate((first, second, third))]
    assert merged(layers) == over(over(first, second), third)
    assert merged(layers[:1]) == first
    with_itself = [Layer("a", first), Layer("a", first)]
    assert merged(with_itself) == first


def test_a_missing_name_is_an_error():
    with pytest.raises(RecipeError):
        read({"extends": 3}, SHIPPED)
