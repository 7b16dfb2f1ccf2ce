"""`image.size`: one number, or height and width."""

import json

import numpy as np
import pytest
import torch
from made_examples import example

from ssmtl import Output
from ssmtl.data.cache import decode
from ssmtl.errors import RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.image_size import check_image_size
from ssmtl.experiment.plan import plan_of
from ssmtl.recipe.load import read
from ssmtl.recipe.models import Recipe
from ssmtl.registry.options import build
from ssmtl.registry.plugins import load_plugins
from ssmtl_timm.encoder import TimmEncoder

PLUGINS = load_plugins()
NARROW = ("backbone.widths=[4,4,8,8,8]", *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")))
EXPECTED = "should be one number of pixels from 16 to 8192, or [height, width]"


def recipe(*overrides):
    return read("multimix", PLUGINS["recipe"], overrides=(*NARROW, *overrides)).validated()


def mistakes(*overrides):
    with pytest.raises(RecipeError) as caught:
        assemble(recipe(*overrides), PLUGINS, "file")
    return [str(problem) for problem in caught.value.problems]


def test_a_square_is_one_recipe_however_it_is_written():
    one, other = recipe("image.size=64"), recipe("image.size=[64,64]")
    assert one == other
    assert one.digest() == other.digest()
    assert other.content()["image"]["size"] == 64


def test_the_resolved_recipe_is_read_again():
    given = recipe("image.size=[96,64]")
    assert given.image.shape == (1, 96, 64)
    again = Recipe.model_validate_json(json.dumps(given.content()))
    assert again == given
    assert again.digest() == given.digest() != recipe("image.size=[64,96]").digest()


@pytest.mark.parametrize(
    "size", ["-64", "true", "[1, 2, 3]", "[64]", "[]", "[64, true]", "[64, -64]", "64.5", "abc", "8"]
)
def test_wrong_sizes_are_named(size):
    with pytest.raises(RecipeError) as caught:
        recipe(f"image.size={size}")
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"--set image.size={size}: {EXPECTED}, found ")


@pytest.mark.parametrize(
    ("size", "nearest"), [("[48,40]", "[48, 48]"), ("[33,70]", "[32, 64]"), ("[16,17]", "[16, 16]")]
)
def test_each_side_must_be_a_multiple(size, nearest):
    height, width = json.loads(size)
    what = (
        f"{height} × {width} pixels: the backbone 'multimix_encoder' needs multiples of 16 (the nearest is {nearest})"
    )
    assert mistakes(f"image.size={size}") == [f"file: image.size: {what}"]


def test_one_pixel_at_the_deepest_level_is_too_little():
    assert mistakes("image.size=[16,16]")[0].startswith("file: backbone: images of 16 pixels are one pixel")
    assert not check_image_size("any", (1, 16), (16, 32))


def test_a_dry_run_and_the_plan_know_both_sides():
    plans = [plan_of(assemble(recipe(f"image.size={size}"), PLUGINS)) for size in ("[64,32]", "[32,64]", "64")]
    assert [plan["image"] for plan in plans] == ["1 × 64 × 32", "1 × 32 × 64", "1 × 64 × 64"]
    assert plans[0]["rows_per_pass"] == plans[1]["rows_per_pass"] == min(plans[0]["rows_per_step"], 3 * 2**16 // 2048)
    whole, half = plans[2], plans[0]
    assert half["megabytes"] / half["rows_per_pass"] == pytest.approx(
        whole["megabytes"] / whole["rows_per_pass"] / 2, rel=0.2
    )


@pytest.mark.slow  # timm builds a large model
def test_a_model_for_images_of_one_size_is_built_for_both_sides():
    encoder = TimmEncoder(1, (64, 32), model="swinv2_tiny_window8_256", levels=(0, 1)).eval()
    with torch.no_grad():
        levels = encoder(torch.rand(1, 1, 64, 32))
    assert [tuple(level.shape[2:]) for level in levels] == [(16, 8), (8, 4)]
    with pytest.raises(ValueError, match="takes no images of 40 × 24 pixels"):
        TimmEncoder(1, (40, 24), model="test_vit", levels=(0,))


class Turned:
    """Pixels whose rows and columns are exchanged."""

    def __init__(self, pixels):
        self.pixels, self.name = pixels, f"{pixels.name} turned"

    def fingerprint(self):
        return f"{self.pixels.fingerprint()} turned"

    def read(self):
        return self.pixels.read().swapaxes(0, 1)


class Noise:
    def __init__(self, name, low, high):
        self.name, self.values = name, np.random.default_rng(len(name)).integers(low, high, (50, 37), np.uint8)

    def fingerprint(self):
        return self.name

    def read(self):
        return self.values


def test_turned_images_are_cached_turned(tmp_path):
    pixels = Noise("image", 0, 256)
    mask = Noise("mask", 0, 2)
    plain = example(0)
    made = [type(plain)("a", "p", pixels, masks={"lung": (mask,)})]
    turned = [type(plain)("a", "p", Turned(pixels), masks={"lung": (Turned(mask),)})]
    for fit in ("stretch", "pad"):
        one = decode(made, (32, 16), 1, ("lung",), fit=fit, folder=tmp_path)
        again = decode(made, (32, 16), 1, ("lung",), fit=fit, folder=tmp_path)
        other = decode(turned, (16, 32), 1, ("lung",), fit=fit, folder=tmp_path)
        assert one.images.shape == (1, 1, 32, 16)
        assert np.array_equal(one.images, again.images)
        assert np.abs(one.images.astype(int) - other.images.swapaxes(2, 3).astype(int)).max() <= 1
        assert (one.masks != other.masks.swapaxes(2, 3)).mean() < 0.01
    assert len([place for place in tmp_path.iterdir() if place.is_dir()]) == 4


ORGANS = Output("masks", ("lung", "heart"))


@pytest.mark.parametrize("name", sorted(PLUGINS["metric"]))
def test_scores_of_turned_masks_are_the_same(name):
    try:
        metric = build(PLUGINS["metric"][name].make, name, {}, ORGANS)
    except ValueError:
        return  # of labels
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 4, 2, 5, 3, generator=random)
    guess, target = (torch.nn.functional.interpolate(one, (40, 24), mode="bilinear") for one in coarse)
    target = (target > 0.5).float()
    values, turned = metric(guess, target), metric(guess.mT.contiguous(), target.mT.contiguous())
    assert set(values) == set(turned)
    for key, value in values.items():
        torch.testing.assert_close(torch.as_tensor(value), torch.as_tensor(turned[key]), atol=1e-5, rtol=1e-4)
