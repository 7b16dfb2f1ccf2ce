"""The warning of parts that are too small to score by."""

import warnings

import pytest

from ssmtl.data.small_parts import FEW, warn_of_small_parts
from ssmtl.data.split_file import DomainPart, TaskSplit
from ssmtl.errors import SsmtlWarning
from ssmtl.wording import counted


def split(val, **tests):
    ids = [str(number) for number in range(2 * FEW)]
    parts = {domain: DomainPart(source="s", ids=ids[:size]) for domain, size in tests.items()}
    return TaskSplit(source="s", labeled=ids, unlabeled=ids, val=ids[:val], test=parts, left_out={})


def test_the_small_parts_of_all_tasks_are_one_warning():
    with pytest.warns(SsmtlWarning) as caught:
        warn_of_small_parts({"a": split(FEW, here=FEW - 1, there=FEW), "b": split(1, here=FEW)})
    (warning,) = caught
    assert "fewer than 10 images depend heavily on chance: a here (9 images), b validation (1 image)" in str(
        warning.message
    )


def test_larger_parts_are_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_small_parts({"a": split(FEW, here=FEW)})


def test_one_is_not_a_plural():
    assert [counted(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
