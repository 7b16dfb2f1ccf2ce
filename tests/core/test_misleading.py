"""What would run and mislead is refused: moved views that are compared pixel by pixel, one source under two names."""

import re
import warnings

import pytest

from ssmtl import hookimpl
from ssmtl.builtins.identity import Identity
from ssmtl.errors import RecipeError, SsmtlWarning
from ssmtl.experiment.assemble import assemble
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins

PLUGINS = load_plugins()
SMALL = ("image.size=32", "backbone.widths=[3, 4, 5, 6]")
STILL = "pad: 0, horizontal_flip: false"


def assembled(*settings, plugins=PLUGINS, **how):
    text = read("unet", plugins["recipe"], overrides=[*SMALL, *settings])
    with warnings.catch_warnings():
        warnings.filterwarnings("error")
        return assemble(text.validated(), plugins, text.place, **how)


def comparing(strategy, weak="identity", strong="intensity"):
    views = {"weak": weak, "strong": strong}
    entries = ", ".join(f"{name}: {{use: {use}}}" for name, use in views.items())
    return f"tasks.lungs.strategies=[{{use: soft_dice}}, {{use: {strategy}}}]", f"tasks.lungs.augment={{{entries}}}"


@pytest.mark.parametrize("strategy", ["unimatch", "unimatch_v2"])
@pytest.mark.parametrize(
    ("weak", "strong", "key", "moved"),
    [
        ("kornia_weak", "intensity", "weak", "horizontal_flip, pad;"),
        ("kornia_weak, pad: 0", "intensity", "weak", "horizontal_flip;"),
        ("identity", "kornia_strong", "strong", "horizontal_flip, pad, rotate, shear_x, shear_y, translate_x, transl"),
        ("identity", f"kornia_strong, {STILL}, only: [rotate, contrast]", "strong", "rotate;"),
        ("identity", f"rand_augment, {STILL}, only: [shear_x]", "strong", "shear_x;"),
        ("identity", "elastic_affine, rotate: 0.0, scale: 0.0", "strong", "shift, elastic;"),
    ],
)
def test_views_that_are_compared_may_not_move(strategy, weak, strong, key, moved):
    with pytest.raises(RecipeError) as caught:
        assembled(*comparing(strategy, weak, strong))
    (problem,) = map(str, caught.value.problems)
    assert f"tasks.lungs.augment.{key}: " in problem
    assert f"moves pixels, and '{strategy}' compares unlabeled/strong, unlabeled/strong/1, unlabeled/weak p" in problem
    assert f"switch off what moves them: {moved}" in problem


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        (f"kornia_weak, {STILL}", f"kornia_strong, {STILL}, only: [contrast, equalize]"),
        ("histogram_match, partners: any", "fourier_mix, partners: any"),
        (
            "elastic_affine, rotate: 0.0, scale: 0.0, shift: 0.0, elastic: 0.0",
            f"rand_augment, {STILL}, only: [solarize]",
        ),
    ],
)
def test_what_stays_in_place_is_taken(weak, strong):
    assembled(*comparing("dense_fixmatch", weak, strong))
    assembled(*comparing("unimatch", weak, strong))


def test_both_views_are_named_and_strategies_of_one_view_may_move():
    with pytest.raises(RecipeError) as caught:
        assembled(*comparing("unimatch", "kornia_weak", "kornia_strong"))
    keys = [re.search(r"augment\.(\w+)", str(problem))[1] for problem in caught.value.problems]
    assert keys == ["strong", "weak"]
    one_view = ("mean_teacher", "ua_mt", "bcp", "cutmix_seg", "classmix_seg", "vat", "cps")
    entries = ", ".join(f"{{use: {name}}}" for name in ("soft_dice", *one_view))
    assembled(f"tasks.lungs.strategies=[{entries}]", "tasks.lungs.augment.weak.use=kornia_weak")


def test_masks_that_move_with_the_strong_view_are_predicted_in_their_place():
    assembled(*comparing("dense_fixmatch", "identity", "elastic_affine"))
    with pytest.raises(RecipeError) as caught:
        assembled(*comparing("dense_fixmatch", "kornia_weak", "intensity"))
    (problem,) = map(str, caught.value.problems)
    assert "'kornia_weak' moves pixels, and 'dense_fixmatch' takes what it predicts for unlabeled/weak to be" in problem
    assert "switch off what moves them: horizontal_flip, pad" in problem


class Unsaid:
    """Identity, which does not say so."""

    def __call__(self, images, masks, stream):
        return Identity()(images, masks, stream)


class Offer:
    @hookimpl
    def ssmtl_augmentations(self):
        return {"unsaid": Unsaid}


def test_a_plugin_that_does_not_say_is_warned_of():
    words = r"augment\.strong: does not say whether 'unsaid' moves pixels, and 'unimatch' compares"
    text = read("unet", PLUGINS["recipe"], overrides=[*SMALL, *comparing("unimatch", strong="unsaid")])
    with pytest.warns(SsmtlWarning, match=words):
        assemble(text.validated(), load_plugins(given=[Offer()]), text.place)


def test_a_source_is_scored_under_one_name():
    twice = "tasks.lungs.evaluate_on={in_domain: jsrt, cross_domain: jsrt}"
    with pytest.raises(RecipeError, match=r"evaluate_on\.cross_domain: 'jsrt' is in_domain too"):
        assembled(twice)
    assembled(twice, trained=True)


def test_a_run_that_was_trained_so_can_still_be_loaded():
    assembled(*comparing("unimatch", "kornia_weak", "kornia_strong"), trained=True)
