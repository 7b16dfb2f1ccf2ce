"""Libraries imported without garbage collection, or without what they import needlessly."""

import gc
import sys

import pytest

from ssmtl.importing import uncollected, without


def test_collection_is_off_inside_and_as_before_after():
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled()
        gc.disable()
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_library_seems_absent_inside_only():
    sys.modules.pop("this", None)
    with without("this"), pytest.raises(ImportError):
        import this  # noqa: F401
    assert "this" not in sys.modules


def test_a_library_that_is_imported_stays():
    with without("json"):
        import json
    assert sys.modules["json"] is json
