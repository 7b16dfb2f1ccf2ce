"""A suite whose runs are tracked."""

import pytest
from small_suite import TINY, bench, suite_file

pytestmark = pytest.mark.slow


def test_each_cell_is_tracked_and_is_the_same_without(tmp_path):
    """Cells that are finished stay so when the trackers change."""
    grids = [{"systems": ["umtl"], "budgets": {"diagnosis": [12], "lungs": [6]}}]
    for trackers, made in ((["tensorboard"], 1), ([], 1), (["mlflow", "tensorboard"], 1)):
        path = suite_file(tmp_path, seeds=[0], grids=grids, set={**TINY, "trackers": trackers})
        code, _, err = bench("run", path, "--out", tmp_path / "out", cwd=tmp_path)
        assert code == 0, err
        assert len(list((tmp_path / "out").rglob("results.json"))) == 1
        assert len(list((tmp_path / "out").rglob("events.out.tfevents.*"))) == made
    assert not list((tmp_path / "out").rglob("mlflow.db"))


def test_an_unknown_tracker_of_a_suite_is_a_mistake(tmp_path):
    path = suite_file(tmp_path, set={**TINY, "trackers": ["tensorbord"]})
    code, _, err = bench("run", path, "--out", tmp_path / "out", cwd=tmp_path)
    assert code == 2
    assert "no tracker is called 'tensorbord' (did you mean 'tensorboard'?)" in err
