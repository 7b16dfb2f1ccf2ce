"""Recipes that change others: what is merged, what is exchanged, and where an error is placed."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ssmtl.errors import RecipeError
from ssmtl.recipe.extends import merged
from ssmtl.recipe.load import read
from ssmtl.recipe.removal import removable
from ssmtl.recipe.said import said
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
        (
            {"extends": "base.yaml", "tasks": {"lungs": {"head": None}}},
            "own.yaml: tasks.lungs.head: should be a component",
        ),
        ({"extends": "base.yaml", "tasks": {"lung": None}}, "own.yaml: tasks.lung: null takes away what the extended"),
        (
            {"extends": "base.yaml", "tasks": {"lungs": {"augment": {"weaks": None}}}},
            "that has no 'weaks' here (did you mean 'weak'?)",
        ),
        (
            {"extends": "base.yaml", "tasks": {"diagnosis": {"strategies": {2: None}}}},
            "own.yaml: tasks.diagnosis.strategies.2: no item '2' in the list",
        ),
        (
            {"extends": "base.yaml", "tasks": {"diagnosis": {"strategies": {"fixmatch": {"weight": -1}}}}},
            "own.yaml: tasks.diagnosis.strategies.1.weight: ",
        ),
        (
            {"extends": "base.yaml", "tasks": {"diagnosis": {"metrics": {0: {"us": 1}}}}},
            "own.yaml: tasks.diagnosis.metrics.0",
        ),
        ({"extends": "file.yaml", "sources": {"radiographs": {"val": -1}}}, "own.yaml: sources.radiographs.val: "),
        ({"extends": "file.yaml", "sources": {"radiographs": {"size": 16}}}, "images.yaml: radiographs.val: "),
        (
            {"extends": "file.yaml", "sources": {"radiograph": {"images": 80}}},
            "own.yaml: sources.radiograph: has no 'use', and there is no such source in",
        ),
        ({"extends": "/no/such.yaml"}, "own.yaml: extends: there is no file or recipe '/no/such.yaml'"),
        ({"extends": "x" * 5000}, f"own.yaml: extends: there is no file or recipe '{'x' * 80}'"),
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
        file={**SMALL, "sources": "images.yaml"},
        images={"radiographs": SMALL["sources"]["radiographs"] | {"val": -2}},
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
    layers = [said(one, Path(f"{number}.yaml")) for number, one in enumerate((first, second, third))]
    assert merged(layers).plain() == over(over(first, second), third)
    assert merged(layers[:1]).plain() == first
    with_itself = [said(first, Path("a"))] * 2
    assert merged(with_itself).plain() == first


def test_null_takes_away_what_the_extended_recipe_says(tmp_path):
    base = copy.deepcopy(SMALL)
    base["tasks"]["diagnosis"]["strategies"].append({"use": "cross_entropy", "weight": 2})
    base["tasks"]["diagnosis"] |= {"evaluate_on": {"here": "radiographs", "elsewhere": "radiographs"}}
    base["tasks"]["diagnosis"]["augment"]["strong"] = {"use": "identity"}
    base["balancer"] = {"use": "uncertainty"}
    changes = {
        "evaluate_on": {"elsewhere": None},
        "strategies": {1: None, 2: {"weight": 3}},
        "augment": {"strong": None},
        "metrics": None,
    }
    own = {"extends": "base.yaml", "balancer": None, "tasks": {"diagnosis": changes, "lungs": None}}
    found = read(write(tmp_path, own=own, base=base), SHIPPED)
    expected = copy.deepcopy(SMALL)
    del expected["tasks"]["lungs"]
    task = expected["tasks"]["diagnosis"]
    task["strategies"] = [SMALL["tasks"]["diagnosis"]["strategies"][0], {"use": "cross_entropy", "weight": 3}]
    task["evaluate_on"] = {"here": "radiographs"}
    del task["metrics"]
    assert found.content == expected
    found.validated()


def test_a_method_runs_on_ones_own_images_with_one_test_set():
    """The example in docs/recipes.md."""
    page = (Path(__file__).parents[2] / "docs/recipes.md").read_text(encoding="utf-8")
    example = yaml.safe_load(page.split("# my_flexmatch.yaml\n")[1].split("```")[0])
    recipe = read(example, SHIPPED).validated()
    assert list(recipe.sources) == ["mine"]
    assert recipe.tasks["diagnosis"].evaluate_on == {"in_domain": "mine"}
    assert [one.use for one in recipe.tasks["diagnosis"].strategies] == ["cross_entropy", "flexmatch"]


def test_null_stays_a_value_where_it_can_be_one(tmp_path):
    """`gradient_cosine_every` is 50 where nothing is said, and null is never."""
    nulls = {"train.gradient_cosine_every", "tasks.lungs.bridge", "norm", "sources.chex.val", "sources.chex.rename.a",
             "tasks.lungs.head.classes", "train.ema", "init", "folds"}  # fmt: skip
    gone = {"train.steps", "balancer", "tasks.lungs", "sources.chex", "tasks.lungs.labeled", "image.fit",
            "tasks.lungs.evaluate_on.x", "tasks.lungs.augment.weak", "tasks.lungs.strategies.0", "optimizer.lr",
            "tasks.lungs.strategies.0.weight", "tasks.lungs.labeled.normal"}  # fmt: skip
    required = {"name", "tasks", "sources", "backbone", "tasks.lungs.head", "backbone.use"}
    assert [key for key in (*nulls, *required) if removable(key.split("."))] == []
    assert [key for key in gone if not removable(key.split("."))] == []
    base = copy.deepcopy(SMALL)
    base.setdefault("train", {})["gradient_cosine_every"] = 10
    own = {"extends": "base.yaml", "train": {"gradient_cosine_every": None, "ema": None}}
    assert read(write(tmp_path, own=own, base=base), SHIPPED).validated().train.gradient_cosine_every is None


def test_null_takes_away_by_a_setting_too(tmp_path):
    sets = ["tasks.lungs=null", "tasks.diagnosis.augment.strong=null", "train.gradient_cosine_every=null"]
    base = copy.deepcopy(SMALL)
    base["tasks"]["diagnosis"]["augment"]["strong"] = {"use": "identity"}
    content = read(write(tmp_path, own=base), SHIPPED, overrides=sets).content
    assert "lungs" not in content["tasks"]
    assert "strong" not in content["tasks"]["diagnosis"]["augment"]
    assert content["train"]["gradient_cosine_every"] is None
    code, _, shown = call("check", tmp_path / "own.yaml", "--no-data", "--set", "tasks.lung=null")
    assert code == 2
    assert "--set tasks.lung=null: null takes away what the recipe says, and that has no 'lung' here" in shown
    code, _, shown = call("check", tmp_path / "own.yaml", "--no-data", "--set", "train.steps=")
    assert (code, "found null" in shown) == (2, True)


def test_a_mapping_changes_the_sources_of_a_file_and_whole_sources_replace_it(tmp_path):
    images = {name: {**SMALL["sources"]["radiographs"], "domain": name} for name in ("chex", "jsrt", "mcu")}
    files = {"base": {**SMALL, "sources": "images.yaml"}, "images": images}
    changed = write(tmp_path, own={"extends": "base.yaml", "sources": {"chex": {"images": 80}, "jsrt": None}}, **files)
    by_set = read(changed, SHIPPED, overrides=["sources.chex.images=80"]).content["sources"]
    assert read(changed, SHIPPED).content["sources"] == by_set
    assert by_set == {name: one for name, one in images.items() if name != "jsrt"} | {
        "chex": images["chex"] | {"images": 80}
    }
    whole = {"chex": {"use": "manifest", "root": "mine"}}
    replaced = write(tmp_path, own={"extends": "base.yaml", "sources": whole}, base=files["base"])
    assert read(replaced, SHIPPED).content["sources"] == whole


def test_a_weight_that_was_given_to_another_strategy_is_told(tmp_path):
    base = copy.deepcopy(SMALL)
    base["tasks"]["diagnosis"]["strategies"][1] |= {"weight": 0.25}
    told = "tasks.diagnosis.strategies.1: flexmatch has the weight 0.25 of fixmatch; set its own weight"

    def lines(change, *overrides):
        own = {"extends": "base.yaml", "tasks": {"diagnosis": {"strategies": {1: change}}}}
        return list(read(write(tmp_path, own=own, base=base), SHIPPED, overrides=overrides).kept_weights())

    assert lines({"use": "flexmatch"}) == [told]
    assert lines({}, "tasks.diagnosis.strategies.1.use=flexmatch") == [told]
    assert lines({"use": "flexmatch", "weight": 0.25}) == []
    assert lines({"use": "flexmatch", "weight": None}) == []
    assert lines({"use": "flexmatch"}, "tasks.diagnosis.strategies.1.weight=0.25") == []
    assert lines({"threshold": 0.8}) == []
    assert lines({"use": "flexmatch"}, "tasks.diagnosis.strategies.1={use: flexmatch}") == []
    code, _, shown = call("check", "multimix", "--no-data", "--set", "tasks.diagnosis.strategies.1.use=flexmatch")
    assert code == 0
    assert told in " ".join(shown.split())


def test_no_shipped_recipe_has_a_weight_of_another_strategy():
    assert [name for name in SHIPPED if list(read(name, SHIPPED).kept_weights())] == []


def test_an_option_that_a_set_component_lacks_is_placed_at_the_set(tmp_path):
    exchange = "tasks.lungs.strategies.0.use=kl_consistency"
    text = read(write(tmp_path, own=SMALL), SHIPPED, overrides=[exchange])
    assert text.place("tasks.lungs.strategies.0.partner") == (
        f"{tmp_path / 'own.yaml'} with --set {exchange}: tasks.lungs.strategies.0.partner"
    )
    assert "with" not in text.place("tasks.lungs.strategies.1.partner").removeprefix(str(tmp_path))


def test_a_missing_name_is_an_error():
    with pytest.raises(RecipeError):
        read({"extends": 3}, SHIPPED)
