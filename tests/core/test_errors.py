"""The messages that a user reads when something is wrong."""

import pytest

from ssmtl import errors
from ssmtl.errors import Problem, RecipeError, SsmtlError, nearest


def test_all_problems_are_in_the_message():
    error = RecipeError(
        [Problem("a.yaml: seed", "is missing"), Problem("a.yaml: nmae", "unknown key", "did you mean 'name'?")]
    )
    assert str(error) == "a.yaml: seed: is missing\na.yaml: nmae: unknown key (did you mean 'name'?)"
    assert len(error.problems) == 2


@pytest.mark.parametrize("name", ["DataError", "PluginError", "RunError", "RecipeError"])
def test_every_error_can_be_caught_as_one(name):
    assert issubclass(getattr(errors, name), SsmtlError)


def test_hints():
    assert nearest("fixmach", ["fixmatch", "mixmatch"]) == "did you mean 'fixmatch'?"
    assert nearest("zzz", ["b", "a"]) == "known: a, b"
    assert nearest("zzz", []) == "none is known"


def test_many_names_of_one_folder_are_one():
    names = ["unet", "paper/a", *(f"methods/{number}" for number in range(9))]
    assert nearest("xyz", names) == "known: methods/… (9), paper/a, unet"
    assert nearest("methods/nine", names[:2]) == "known: paper/a, unet"
