"""Every shipped recipe is valid, and the ablation is a difference between recipes."""

import copy

import pytest

from ssmtl import View
from ssmtl.builtins.shipped_recipes import shipped_folder
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.plan import plan_of
from ssmtl.recipe.load import RecipeText, read
from ssmtl.recipe.sources_file import find_sources
from ssmtl.registry.plugins import load_plugins

PLUGINS = load_plugins()
RECIPES = sorted(name for name in PLUGINS["recipe"] if not name.startswith("methods/"))
"""Those of methods are tested by `test_method_recipes.py`."""

RADIOGRAPHS = ("cxr", "cxr_develop", "cxr_report", "official", "phantom")
SOURCES = sorted(path.stem for path in (shipped_folder() / "sources").glob("*.yaml"))


def recipe_of(name, **how):
    return read(name, PLUGINS["recipe"], **how).validated()


def test_the_recipes_of_the_paper_are_shipped():
    assert {"multimix", "umtl", "enc_mm", "paper/multimix"} <= set(RECIPES)
    assert set(RADIOGRAPHS) <= set(SOURCES)


@pytest.mark.parametrize("name", RECIPES)
def test_it_validates_and_assembles(name):
    recipe = recipe_of(name)
    experiment = assemble(recipe, PLUGINS)
    plan = plan_of(experiment)
    views = {name: sum(task["views"].values()) for name, task in plan["tasks"].items()}
    assert 0 < plan["rows_per_pass"] <= plan["rows_per_step"] <= sum(views.values())
    assert all(task.metrics and task.spec.evaluate_on for task in experiment.tasks)
    assert all(term.strategy.views <= set(task.views) for task in experiment.tasks for term in task.terms)


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_run_records_is_the_same_recipe(name):
    recipe = recipe_of(name)
    again = RecipeText(recipe.content(), name).validated()
    assert again == recipe
    assert again.digest() == recipe.digest()


@pytest.mark.parametrize("sources", RADIOGRAPHS)
@pytest.mark.parametrize("name", [name for name in RECIPES if not name.startswith("busi/")])
def test_it_accepts_every_sources_file_of_radiographs(name, sources):
    recipe = recipe_of(name, sources=sources)
    assert {"chex", "jsrt", "nihx", "mcu"} <= set(recipe.sources)
    assemble(recipe, PLUGINS)
    assert find_sources(sources).is_file()


def test_the_others_are_of_ultrasound_and_of_one_suite():
    assert set(SOURCES) == {*RADIOGRAPHS, "busi", "busi_develop", "busi_report", "across_ages", "cut_report"}
    content = {name: recipe_of(name).content() for name in RECIPES if name.startswith("busi/")}
    given = recipe_of("busi/umtl", sources="busi").content()
    assert len(content) >= 8
    assert all(one["sources"] == given["sources"] for one in content.values())


@pytest.mark.parametrize("name", RECIPES)
def test_it_has_a_title_and_says_how_to_run_it(name):
    text = PLUGINS["recipe"][name].make.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert f"ssmtl run recipes/{name}.yaml" in text or f"ssmtl run {name}" in text


def without(content, *uses):
    """The resolved recipe without its name, its bridges and these strategies."""
    rest = copy.deepcopy(content)
    del rest["name"]
    for task in rest["tasks"].values():
        task["bridge"] = None
        task["strategies"] = [strategy for strategy in task["strategies"] if strategy["use"] not in uses]
    return rest


def test_umtl_is_multimix_without_bridge_fixmatch_and_kl():
    multimix, umtl = (recipe_of(name).content() for name in ("multimix", "umtl"))
    bridges = {name: task["bridge"]["use"] for name, task in multimix["tasks"].items() if task["bridge"]}
    added = [strategy["use"] for task in multimix["tasks"].values() for strategy in task["strategies"]]
    assert bridges == {"lungs": "saliency"}
    assert added == ["cross_entropy", "fixmatch", "soft_dice", "kl_consistency"]
    assert without(umtl) == {key: value for key, value in umtl.items() if key != "name"}, "nothing to take away"
    assert without(umtl) == without(multimix, "fixmatch", "kl_consistency")
    assert without(umtl) != without(multimix, "fixmatch")


@pytest.mark.parametrize(
    ("name", "bridge", "strategies"),
    [
        ("umtl", None, ["cross_entropy", "soft_dice"]),
        ("umtl_s", "saliency", ["cross_entropy", "soft_dice"]),
        ("umtl_ssl", None, ["cross_entropy", "fixmatch", "soft_dice"]),
        ("umtl_ssl_s", "saliency", ["cross_entropy", "fixmatch", "soft_dice"]),
    ],
)
def test_the_ablation_of_the_paper_is_what_its_names_say(name, bridge, strategies):
    multimix, ablated = (recipe_of(recipe).content() for recipe in ("multimix", name))
    found = [strategy for task in ablated["tasks"].values() for strategy in task["strategies"]]
    whole = [strategy for task in multimix["tasks"].values() for strategy in task["strategies"]]
    assert found == [strategy for strategy in whole if strategy["use"] in strategies]
    assert ablated["tasks"]["lungs"]["bridge"] == (multimix["tasks"]["lungs"]["bridge"] if bridge else None)
    assert without(ablated, "fixmatch", "kl_consistency") == without(multimix, "fixmatch", "kl_consistency")


def test_the_paper_recipe_is_multimix_except_for_scale_and_data():
    small, paper = (without(recipe_of(name).content()) for name in ("multimix", "paper/multimix"))
    for content in (small, paper):
        del content["sources"], content["image"], content["optimizer"]["lr"]
        del content["train"]["steps"], content["train"]["evaluate_every"]
    assert small == paper
    assert recipe_of("paper/multimix").image.size == 256


def test_multimix_has_the_papers_hyper_parameters():
    recipe = recipe_of("paper/multimix")
    experiment = assemble(recipe, PLUGINS)
    diagnosis, lungs = experiment.tasks
    weights = {term.name: term.entry.weight for task in experiment.tasks for term in task.terms}
    assert weights == {"cross_entropy": 1.0, "fixmatch": 0.25, "soft_dice": 5.0, "kl_consistency": 0.01}
    assert diagnosis.terms[1].strategy.threshold == 0.7
    assert recipe.backbone.options["widths"] == [16, 32, 64, 128, 256]
    assert (recipe.optimizer.use, recipe.optimizer.lr) == ("adam", 1e-4)
    assert (recipe.schedule.use, recipe.schedule.every, recipe.schedule.gamma) == ("step", "8 epochs", 0.1)
    assert (diagnosis.rows("labeled"), lungs.rows("unlabeled")) == (10, 10)
    assert (diagnosis.spec.labeled, lungs.spec.labeled) == (100, 10)
    assert experiment.model.heads["lungs"].blocks[0][0].in_channels == 386
    plan = plan_of(experiment)
    rows = {name: sum(task["views"].values()) for name, task in plan["tasks"].items()}
    assert rows == {"diagnosis": 30, "lungs": 20}, "m images of each stream, and the strong views"
    assert plan["rows_per_step"] == 40, "the weak views give pseudo-labels and carry no gradient"


def test_mixmatch_is_one_task_with_mixmatch_alone():
    experiment = assemble(recipe_of("enc_mm"), PLUGINS)
    (task,) = experiment.tasks
    assert [term.name for term in task.terms] == ["mixmatch"]
    assert {View("labeled", "weak"), View("unlabeled", "weak")} <= set(task.views)
