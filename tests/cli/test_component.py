"""`ssmtl plugins NAME`, `ssmtl check --resolved`, and what `ssmtl evaluate` says of its numbers."""

import re

import pytest
import yaml

from ssmtl.cli.assessment_tables import note_of
from ssmtl.recipe.load import read
from ssmtl.recipe.models import Recipe, TaskSpec
from ssmtl.recipe.training import Train
from ssmtl.registry.docstring import described, prose_of
from ssmtl.registry.option_text import options_in_words
from ssmtl.registry.plugins import KINDS, load_plugins
from ssmtl.runs.files import Assessment, AtThreshold, ClassAssessment, Results
from tests.cli.command_line import call

PLUGINS = load_plugins()


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize("columns", [80, 140])
def test_every_component_is_shown_whole(columns):
    """One of each kind, and all that a column could cut."""
    names = ["fixmatch", "saliency", "torchjd", "timm", "pooled_linear", "kornia_strong", "busi", "dice", "wandb"]
    for name in names:
        code, shown, said = call("plugins", name, columns=columns)
        assert (code, said) == (0, "")
        assert max(map(len, shown.splitlines())) <= columns
        kind = next(kind for kind in KINDS if name in PLUGINS[kind])
        make = PLUGINS[kind][name].make
        assert shown.startswith(f"{name}: {kind}, offered by {PLUGINS[kind][name].origin}\n")
        meanings = described(make.__doc__)[1]
        options = list(options_in_words(make, name))
        told = [meanings[one.partition(":")[0]] for one in options if one.partition(":")[0] in meanings]
        for part in [*prose_of(make.__doc__), *options, *told]:
            assert part in words(shown)


def test_a_method_has_its_facts_and_its_recipe():
    shown = call("plugins", "fixmatch")[1]
    for fact in ("learns from: classes, labels", "more passes: +1 trained", "Sohn et al., NeurIPS 2020"):
        assert fact in shown
    assert "recipe: methods/fixmatch" in shown
    assert "For weak and strong: the name of one of the task's augmentations" in shown
    assert "facts" not in call("plugins", "dice")[1]


def test_a_name_of_two_kinds_shows_both():
    shown = call("plugins", "mae")[1]
    assert re.findall(r"^mae: (\w+),", shown, re.MULTILINE) == ["strategy", "metric"]


def test_a_recipe_has_its_file():
    assert "recipes/enc.yaml" in call("plugins", "enc")[1].replace("\\", "/")


def test_the_resolved_recipe_has_every_key_and_is_the_same_recipe(tmp_path):
    code, shown, _ = call("check", "methods/cutmix_seg", "--resolved")
    assert code == 0
    content = yaml.safe_load(shown)
    assert set(Recipe.model_fields) <= set(content)
    assert set(Train.model_fields) <= set(content["train"])
    assert all(set(TaskSpec.model_fields) <= set(task) for task in content["tasks"].values())
    assert content["train"]["early_stopping"] is None
    assert content["image"]["fit"] == "stretch"
    (tmp_path / "written.yaml").write_text(shown)
    plans = [
        call("check", recipe, "--no-data")[1].splitlines()[0]
        for recipe in ("methods/cutmix_seg", tmp_path / "written.yaml")
    ]
    assert "recipe " in plans[0]
    assert plans[0] == plans[1], "name, seed and hash"
    recipe = read("methods/cutmix_seg", PLUGINS["recipe"]).validated()
    assert {"norm", "folds", "init", "trackers"}.isdisjoint(recipe.content()), "what is hashed stays as it was"


def test_evaluate_explains_what_it_shows():
    def note(classes):
        assessed = {"task": {"in_domain": Assessment.model_construct(patients=3, classes=classes)}}
        return note_of(Results.model_construct(assessed=assessed))

    assert note({}) == "In parentheses: 95 % intervals over patients."
    of_class = ClassAssessment.model_construct(points={})
    assert "ECE" in note({"ill": of_class})
    assert "Thresholds" not in note({"ill": of_class})
    chosen = ClassAssessment.model_construct(points={"youden": AtThreshold.model_construct()})
    assert "Thresholds were chosen" in note({"ill": chosen})
