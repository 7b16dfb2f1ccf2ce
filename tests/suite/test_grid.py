"""From a suite's file to its cells."""

from pathlib import Path

import pytest
from small_suite import GRID, TINY, suite_file

from ssmtl import Folders
from ssmtl.errors import RecipeError, SsmtlWarning
from ssmtl.registry.plugins import load_plugins
from ssmtl.suite.grid import Maker, cells_of, points_of
from ssmtl.suite.suite_file import read_suite

SUITES = Path(__file__).parents[2] / "benchmarks" / "quality"
PLUGINS = load_plugins()


def cells(path):
    return cells_of(read_suite(path), PLUGINS, Folders(), path.parent)


def points(path):
    suite = read_suite(path)
    maker = Maker(suite, PLUGINS, Folders(), path.parent)
    return [point for grid in suite.grids for point in maker.points(grid)]


def test_systems_times_budgets_times_seeds_each_with_its_own_tasks(tmp_path):
    grid = {"systems": ["enc", "unet", "umtl"], "budgets": {"diagnosis": [12, "all"], "lungs": [6]}}
    found = cells(suite_file(tmp_path, grids=[grid]))
    assert [(cell.system, cell.budget_text, cell.seed) for cell in found] == [
        *[("enc", f"diagnosis={count}", seed) for count in (12, "all") for seed in (0, 1)],
        *[("unet", "lungs=6", seed) for seed in (0, 1)],
        *[("umtl", f"diagnosis={count} lungs=6", seed) for count in (12, "all") for seed in (0, 1)],
    ]
    assert all(cell.recipe.seed == cell.seed and cell.recipe.name == cell.system for cell in found)
    assert [cell.recipe.tasks["diagnosis"].labeled for cell in found[:4:2]] == [12, "all"]
    assert len({cell.name for cell in found}) == len(found)


def test_a_cell_of_two_grids_is_one_cell(tmp_path):
    assert len(cells(suite_file(tmp_path, grids=[GRID, {**GRID, "systems": ["enc"]}]))) == 4


def test_a_grid_may_have_seeds_and_sources_of_its_own(tmp_path):
    made = tmp_path / "mine.yaml"
    shipped = Path(__file__).parents[2] / "recipes" / "sources" / "phantom.yaml"
    made.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    grid = {**GRID, "systems": ["enc"], "seeds": [7], "sources": ["mine.yaml"]}
    (cell,) = cells(suite_file(tmp_path, grids=[grid]))
    assert (cell.seed, cell.sources) == (7, "mine")


def test_a_variant_is_a_recipe_with_settings_after_the_suites(tmp_path):
    variants = {"fast": {"recipe": "enc", "set": {"optimizer.lr": 0.5, "train.steps": 7}}}
    grid = {"systems": ["fast", "enc"], "budgets": {"diagnosis": [12]}}
    fast, enc = cells(suite_file(tmp_path, grids=[grid], variants=variants, seeds=[0]))
    assert (fast.recipe.optimizer.lr, fast.recipe.train.steps, fast.recipe.name) == (0.5, 7, "fast")
    assert enc.recipe.train.steps == TINY["train.steps"]


def test_its_name_changes_with_recipe_split_and_code_and_with_nothing_else(tmp_path, monkeypatch):
    def name(**changes):
        return cells(suite_file(tmp_path, **changes))[0].name

    plain = name()
    assert plain == name(title="another", names={"enc": "E"})
    assert plain != name(set={**TINY, "optimizer.lr": 0.25})
    assert plain == name(set={**TINY, "backbone.dropout": 0.25})  # the default, written out
    assert plain != name(set={**TINY, "sources.chex.images": 90})
    monkeypatch.setattr("ssmtl.suite.grid.code_version", lambda plugins, recipe: "other")
    assert plain != name()


def test_the_papers_grid_has_its_57_rows_five_times():
    found = points(SUITES / "paper.yaml")
    assert len(found) == 57 * 5
    assert len({(system, str(budgets)) for system, _, budgets, _ in found}) == 57
    alone = [(system, budgets) for system, _, budgets, seed in found if seed == 0 and len(budgets) == 1]
    assert len(alone) == 12


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_suite_is_valid(path):
    suite = read_suite(path)
    maker = Maker(suite, PLUGINS, Folders(), path.parent)
    for grid in suite.grids:
        for system, sources, budgets, seed in maker.points(grid):
            assert maker._recipe(system, sources, budgets, seed).name == system
    assert suite.names.keys() <= set(suite.systems)
    text = path.read_text(encoding="utf-8")
    assert f"ssmtl bench run benchmarks/quality/{path.name}" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grids": []}, "grids"),
        ({"gridz": []}, "gridz"),
        ({"names": {"encc": "E"}}, "names: no grid has a system 'encc' (the grids have enc, umtl)"),
        ({"variants": {"umtll": {"recipe": "umtl"}}}, "variants: no grid has a system 'umtll'"),
        ({"compare": [{"system": "umtl", "against": {"diagnosis": ["enk"]}, "metrics": {}}]}, "'enk'"),
        ({"reference": "nowhere.csv"}, "nowhere.csv"),
        ({"name": "../up"}, "name"),
        ({"seeds": [-1]}, "seeds"),
        ({"threads": 0}, "threads"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(tmp_path, changes, said):
    with pytest.raises(RecipeError) as error:
        read_suite(suite_file(tmp_path, **changes))
    assert said in str(error.value)
    assert "small.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grids": [{"systems": ["encc"]}]}, "did you mean"),
        ({"sources": ["phantm"]}, "did you mean 'phantom'"),
        ({"set": {"train.stepz": 3}}, "stepz"),
        ({"grids": [{"systems": ["enc"], "budgets": {"diagnosis": [100000]}}]}, "100000"),
        ({"grids": [{**GRID, "budgets": {"diagnos": [12]}}]}, "grids.0.budgets: diagnos: .*did you mean 'diagnosis'"),
        ({"set": {**TINY, "tasks.lung.labeled": 3}}, "set: lung: .*did you mean 'lungs'"),
        ({"variants": {"umtl": {"recipe": "umtl", "set": {"tasks.lunggs.batch": 3}}}}, "variants.umtl.set: lunggs"),
    ],
)
def test_a_mistake_in_a_system_is_named_before_anything_runs(tmp_path, changes, said):
    with pytest.raises(Exception, match=said) as error:
        cells(suite_file(tmp_path, **changes))
    assert "Error" in type(error.value).__name__


@pytest.mark.parametrize(
    ("narrow", "what"),
    [
        (
            {"domains": {"lung": ["in_domain"]}},
            "compare.0.domains: the task 'lung' is not asked for.*did you mean 'lungs'",
        ),
        (
            {"domains": {"lungs": ["in_domian"]}},
            "compare.0.domains.lungs: .*no domain 'in_domian'.*did you mean 'in_domain'",
        ),
        ({"metrics": {"lungs": ["dise"]}}, "compare.0.metrics.lungs: the system 'umtl' has no metric 'dise'.*'dice'"),
        ({"metrics": {"lungs": ["dice", "dice"]}}, "compare.0.metrics.lungs: 'dice' stands there twice"),
        ({"against": {"lungs": ["unet", "umtl"]}}, "compare.0.against.lungs: 'umtl' is compared with itself"),
        (
            {"against": {"diagnosis": ["unet"]}, "metrics": {"diagnosis": ["auroc"]}},
            "compare.0.against.diagnosis: the system 'unet' has no task 'diagnosis'",
        ),
        ({"metrics": {"diagnosis": ["auroc"]}}, "compare.0.metrics: the task 'diagnosis' is not asked for"),
        ({"metrics": {}}, "compare.0.metrics: none for the task 'lungs'"),
        ({"metrics": {"lungs": []}}, "compare.0.metrics.lungs: should have at least 1 item"),
        ({"against": {"lungs": []}}, "compare.0.against.lungs: should have at least 1 item"),
        ({"budgets": {"lung": [6]}}, "compare.0.budgets: the task 'lung' is not asked for.*did you mean 'lungs'"),
        ({"budgets": {"lungs": ["abc"]}}, "compare.0.budgets.lungs.0: should be a number of images.*found 'abc'"),
        ({"budgets": {"lungs": [True]}}, "compare.0.budgets.lungs.0: should be a number of images"),
        ({"budgets": {"lungs": []}}, "compare.0.budgets.lungs: should have at least 1 item"),
        ({"budgets": {"lungs": [7]}}, r"compare.0.budgets.lungs: 7 is in no grid \(there are 6\)"),
    ],
)
def test_a_comparison_asks_for_what_the_grid_has(tmp_path, narrow, what):
    asked = {"system": "umtl", "against": {"lungs": ["unet"]}, "metrics": {"lungs": ["dice"]}, **narrow}
    grid = {"systems": ["umtl", "unet"], "budgets": {"diagnosis": [12], "lungs": [6]}}
    with pytest.raises(RecipeError, match=what) as error:
        cells(suite_file(tmp_path, grids=[grid], compare=[asked]))
    assert "found {" not in str(error.value)


@pytest.mark.parametrize(
    ("grids", "asked", "lack"),
    [
        ([{"seeds": [0]}, {"systems": ["unet"], "seeds": [1, 2]}], {}, "no seed in common"),
        ([{}, {"systems": ["unet"], "budgets": {"lungs": [8]}}], {}, "no numbers of labels in common"),
        ([{}, {"systems": ["unet"], "sources": ["mine.yaml"]}], {}, "no sources in common"),
        ([{}, {"systems": ["unet"], "budgets": {"lungs": [8]}}], {"budgets": {"lungs": [8]}}, "no run with the task"),
        ([{}, {"systems": ["unet"]}], {"budgets": {"lungs": [6]}}, ""),
        ([{"seeds": [0, 1]}, {"systems": ["unet"], "seeds": [1, 2]}], {}, ""),
        ([{}, {"systems": ["unet"], "budgets": {"lungs": [6, 8]}}], {}, ""),
    ],
)
def test_two_systems_that_are_compared_have_a_run_in_common(tmp_path, grids, asked, lack):
    """Their sources, the labels of the tasks that both have, and the seed are the same; as `compare` pairs rows."""
    shipped = Path(__file__).parents[2] / "recipes" / "sources" / "phantom.yaml"
    (tmp_path / "mine.yaml").write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    labels = {"diagnosis": [12], "lungs": [6]}
    grids = [{"systems": ["umtl"], **one, "budgets": labels | one.get("budgets", {})} for one in grids]
    asked = {"system": "umtl", "against": {"lungs": ["unet"]}, "metrics": {"lungs": ["dice"]}, **asked}
    file = suite_file(tmp_path, grids=grids, compare=[asked])
    for made in (cells, lambda path: points_of(read_suite(path), PLUGINS, Folders(), path.parent)):
        if not lack:
            assert made(file)
            continue
        with pytest.raises(RecipeError, match=f"compare.0.against.lungs: 'umtl' and 'unet' have {lack}"):
            made(file)


def test_a_recipe_that_is_not_found_is_named_with_who_asks_for_it(tmp_path):
    grid = {**GRID, "systems": ["wide"]}
    with pytest.raises(RecipeError, match=r"variants.wide.recipe: umtll: neither a file nor.*did you mean 'umtl'"):
        cells(suite_file(tmp_path, grids=[grid], variants={"wide": {"recipe": "umtll"}}))
    with pytest.raises(RecipeError, match="suite small: grids: widee: neither a file nor"):
        cells(suite_file(tmp_path, grids=[{**GRID, "systems": ["widee"]}]))


def test_a_comparison_may_ask_for_a_value_of_one_class_or_a_count(tmp_path):
    """Names of values, as in results.csv, where they are not those of the metric."""
    asked = {
        "system": "umtl",
        "against": {"lungs": ["unet"], "diagnosis": ["enc"]},
        "metrics": {"lungs": ["dice", "empty_reference"], "diagnosis": ["f1_pneumonia", "auroc"]},
    }
    own = {"tasks.diagnosis.metrics": ["f1", "auroc"], "tasks.lungs.metrics": ["dice", "empty_masks"]}
    grid = {"systems": ["umtl", "unet", "enc"], "budgets": {"diagnosis": [12], "lungs": [6]}}
    assert len(cells(suite_file(tmp_path, set=own, grids=[grid], compare=[asked]))) > 2


def test_a_setting_for_a_task_that_no_system_has_is_told(tmp_path):
    with pytest.warns(SsmtlWarning, match="set: lungs: no system .*changes nothing"):
        points_of(read_suite(suite_file(tmp_path, grids=[{"systems": ["enc"]}])), PLUGINS, Folders(), tmp_path)


def test_two_systems_that_are_the_same_are_told(tmp_path):
    variants = {"twin": {"recipe": "umtl", "set": {"optimizer.lr": 5.0e-4}}}
    with pytest.warns(SsmtlWarning, match="'umtl' and 'twin' are the same run under two names at diag"):
        cells(suite_file(tmp_path, grids=[{**GRID, "systems": ["umtl", "twin"]}], variants=variants))


@pytest.mark.parametrize("names", [{"enc": "A", "umtl": "A"}, {"enc": "umtl"}, {"enc": "umtl", "umtl": "enc"}])
def test_two_systems_of_one_name_cannot_be_told_apart(tmp_path, names):
    with pytest.raises(RecipeError, match="give each its own"):
        read_suite(suite_file(tmp_path, names=names))
