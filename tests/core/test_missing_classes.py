"""A class that no labelled image has is named."""

import warnings

import pytest

from ssmtl import Folders
from ssmtl.api.loaded import load_recipe
from ssmtl.errors import SsmtlWarning
from ssmtl.experiment.prepare import list_and_split, make_source

SMALL = ("image.size=32", "backbone.widths=[4, 4, 4, 4, 4]", "sources.chex.images=60")


def listed(labeled):
    loaded = load_recipe("enc", "phantom", overrides=[*SMALL, f"tasks.diagnosis.labeled={labeled}"])
    folders = Folders(None)
    return list_and_split(
        loaded.assembled(), lambda name: make_source(loaded.recipe, loaded.plugins, folders, name), folders
    )


@pytest.mark.parametrize("labeled", ["{normal: 5, pneumonia: 0}", "{normal: 5}", "1"])
def test_a_class_without_a_labelled_image_is_named(labeled):
    with pytest.warns(SsmtlWarning, match="task 'diagnosis': none of its labelled images has '(pneumonia|normal)'"):
        listed(labeled)


def test_where_each_class_has_one_nothing_is_said():
    with warnings.catch_warnings(action="error"):
        listed("{normal: 5, pneumonia: 1}")
