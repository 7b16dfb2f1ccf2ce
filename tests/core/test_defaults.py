"""The resolved recipe: every option written out, loading again to an equal recipe, with one hash for all spellings."""

import pytest

from ssmtl.errors import PluginError
from ssmtl.experiment.assemble import assemble
from ssmtl.recipe import yaml_file
from ssmtl.recipe.defaults import resolved
from ssmtl.recipe.load import RecipeText, read
from ssmtl.registry.options import options_model, resolved_options
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.resume import lasting_digest

PLUGINS = load_plugins()


def recipe_of(name="multimix", *overrides, sources=None):
    return resolved(read(name, PLUGINS["recipe"], sources=sources, overrides=overrides).validated(), PLUGINS)


@pytest.mark.parametrize("sources", [None, "cxr"])
@pytest.mark.parametrize("name", [name for name in PLUGINS["recipe"] if not name.startswith("methods/")])
def test_it_names_every_option_and_loads_again(name, sources):
    recipe = recipe_of(name, sources=sources)
    for place, kind, component in recipe.components():
        options = options_model(PLUGINS[kind][component.use].make, component.use).model_fields
        assert set(options) <= set(component.options), place
    again = RecipeText(yaml_file.parse(yaml_file.dump(recipe.content()), "f"), "f").validated()
    assert again == recipe
    assert resolved(again, PLUGINS) == recipe
    assert (again.digest(), lasting_digest(again)) == (recipe.digest(), lasting_digest(recipe))


@pytest.mark.parametrize(
    "explicit",
    [
        "backbone.dropout=0.25",
        "backbone={widths: [16, 32, 64, 128, 256], use: multimix_encoder}",
        "tasks.lungs.metrics=[{use: dice}, jaccard, ssim, average_hausdorff, {use: precision, threshold: 0.5}, recall]",
        "tasks.lungs.strategies.soft_dice.smooth=1",
        "balancer={use: fixed}",
    ],
)
def test_a_default_that_is_written_out_changes_no_hash(explicit):
    implicit, written = recipe_of(), recipe_of("multimix", explicit)
    assert written == implicit
    assert (written.digest(), lasting_digest(written)) == (implicit.digest(), lasting_digest(implicit))


def test_another_value_changes_the_hash():
    assert recipe_of("multimix", "backbone.dropout=0.2").digest() != recipe_of().digest()


def test_the_experiment_has_the_resolved_recipe():
    recipe = read("multimix", PLUGINS["recipe"]).validated()
    assert "dropout" not in recipe.backbone.options
    assert assemble(recipe, PLUGINS).recipe == resolved(recipe, PLUGINS)


def test_what_check_names_reports_is_left_as_it_is():
    wrong = ("tasks.lungs.bridge.use=salency", "tasks.lungs.head.classes=5")
    recipe = read("multimix", PLUGINS["recipe"], overrides=wrong).validated()
    found = resolved(recipe, PLUGINS)
    assert found.tasks["lungs"].bridge == recipe.tasks["lungs"].bridge
    assert found.tasks["lungs"].head == recipe.tasks["lungs"].head


def test_a_strategys_weight_belongs_to_the_core(tmp_path):
    """An option that has the name of a key of the core is out of the recipe's reach, so it is not written there."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from ssmtl import hookimpl\n"
        "def weighted(*, use: str = 'x', strength: float = 1): return None\n"
        "@hookimpl\n"
        "def ssmtl_augmentations(): return {'weighted': weighted}\n"
    )
    plugins = load_plugins([file])
    recipe = read("enc", plugins["recipe"], overrides=["tasks.diagnosis.augment.weak={use: weighted}"]).validated()
    found = resolved(recipe, plugins).tasks["diagnosis"].augment["weak"]
    assert (found.use, found.options) == ("weighted", {"strength": 1.0})


def test_a_default_that_does_not_fit_names_the_option_and_the_file():
    def mirror(*, chance: float = None):  # noqa: RUF013
        return None

    with pytest.raises(PluginError, match=r"'mirror' \(.*test_defaults\.py\): .* 'chance' does not fit .* number"):
        resolved_options(mirror, "mirror", {})
