"""Several augmentations of one view: each gets what the one before it made."""

import re

import pytest
import torch

from ssmtl.contracts.random_stream import RandomStream
from ssmtl.errors import PluginError, RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.attribution import attributed
from ssmtl.experiment.in_turn import InTurn
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.testing import check_augmentation
from tests.parity.small_multimix import state_of

PLUGINS = load_plugins()
SMALL = ("image.size=32", "backbone.widths=[3, 4, 5, 6]")


def assembled(*settings):
    text = read("unet", PLUGINS["recipe"], overrides=[*SMALL, *settings])
    return assemble(text.validated(), PLUGINS, text.place)


def augmentation(given):
    (task,) = assembled(f"tasks.lungs.augment.weak={given}").tasks
    return task.augment["weak"]


def rows():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 32, 32, generator=generator)
    return images, (images > 0.5).float(), RandomStream.of(range(6), "here")


def test_each_gets_what_the_one_before_it_made_and_the_first_the_numbers_of_the_view():
    images, masks, stream = rows()
    moved, moved_masks = augmentation("{use: elastic_affine}")(images, masks, stream)
    expected, same = augmentation("{use: intensity}")(moved, moved_masks, stream.other(1))
    found, found_masks = augmentation("[{use: elastic_affine}, {use: intensity}]")(images, masks, stream)
    assert torch.equal(found, expected)
    assert not torch.equal(found, moved)
    assert torch.equal(found_masks, moved_masks)
    assert torch.equal(same, moved_masks)


def test_a_list_of_one_is_that_one_and_two_of_a_kind_draw_other_numbers():
    images, masks, stream = rows()
    alone, _ = augmentation("{use: intensity}")(images, masks, stream)
    assert torch.equal(augmentation("[{use: intensity}]")(images, masks, stream)[0], alone)
    numbers = [stream.other(number).uniform("amount", 50) for number in range(3)]
    assert torch.equal(numbers[0], stream.uniform("amount", 50))
    for one, other in ((0, 1), (1, 2), (0, 2)):
        correlation = torch.corrcoef(torch.stack([numbers[one].flatten(), numbers[other].flatten()]))[0, 1]
        assert correlation.abs() < 0.2


def test_together_they_keep_the_contract_of_one():
    def both():
        make = PLUGINS["augmentation"]
        return InTurn([make["elastic_affine"].make(), make["intensity"].make(), make["kornia_weak"].make()])

    check_augmentation(both)


def test_what_moves_pixels_in_one_of_them_moves_them_in_all():
    assert augmentation("[{use: identity}, {use: intensity}]").moved_by == ()
    assert augmentation("[{use: intensity}, {use: kornia_weak, pad: 0.0}]").moved_by == ("horizontal_flip",)
    with pytest.raises(RecipeError, match=": 'kornia_weak' moves pixels") as caught:
        assembled(
            "tasks.lungs.strategies=[{use: soft_dice}, {use: unimatch}]",
            "tasks.lungs.augment={weak: {use: identity}, strong: [{use: intensity}, {use: kornia_weak}]}",
        )
    assert "tasks.lungs.augment.strong" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("[]", ": should have at least 1 item"),
        ("[intensity]", ".0: should be a component, such as {use: intensity}"),
        ("[{use: identity}, {use: intensty}]", ".1.use: no augmentation is called 'intensty'"),
        ("[{use: intensity, gama: 2}]", ".0.gama: unknown key 'gama'"),
        ("intensity", ": should be a component, such as {use: intensity}"),
    ],
)
def test_mistakes_are_placed_at_the_item(tmp_path, given, message):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"extends: unet\ntasks: {{lungs: {{augment: {{weak: {given}}}}}}}\n")

    def check():
        text = read(str(recipe), PLUGINS["recipe"])
        assemble(text.validated(), PLUGINS, text.place)

    with pytest.raises(RecipeError, match=re.escape(f"tasks.lungs.augment.weak{message}")):
        check()


def test_references_reach_each_of_them_and_one_that_fails_is_named():
    state = state_of("tasks.lungs.augment.weak=[{use: intensity}, {use: histogram_match}]")
    (lungs,) = (task for task in state.experiment.tasks if task.name == "lungs")
    intensity, matching = lungs.augment["weak"].steps
    assert len(matching.bank) > 0
    intensity.gamma = "2"
    with pytest.raises(PluginError, match=r"the augmentation 'lungs\.weak\.0'"), attributed(state.experiment, "now"):
        lungs.augment["weak"](*rows())


def test_settings_and_extending_recipes_reach_an_item_and_one_takes_the_place_of_all(tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text("extends: unet\ntasks: {lungs: {augment: {weak: [{use: elastic_affine}, {use: intensity}]}}}\n")

    def weak(*overrides, own=""):
        path = tmp_path / "own.yaml"
        path.write_text(f"extends: base.yaml\n{own}")
        return read(str(path), PLUGINS["recipe"], overrides=overrides).validated().tasks["lungs"].augment["weak"]

    assert [one.use for one in weak()] == ["elastic_affine", "intensity"]
    assert weak("tasks.lungs.augment.weak.intensity.gamma=3.0")[1].options == {"gamma": 3.0}
    assert weak(own="tasks: {lungs: {augment: {weak: {elastic_affine: {elastic: 0.0}}}}}")[0].options == {"elastic": 0}
    assert weak(own="tasks: {lungs: {augment: {weak: {use: identity}}}}").use == "identity"
