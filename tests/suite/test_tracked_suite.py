"""A suite whose runs are tracked."""

import pytest
import yaml
from small_suite import TINY, started, suite_file

pytestmark = pytest.mark.slow


def test_each_cell_is_tracked_and_is_the_same_without(tmp_path):
    """Cells that are finished stay so when the trackers change."""
    grids = [{"systems": ["umtl"], "budgets": {"diagnosis": [12], "lungs": [6]}}]
    for trackers, made in ((["tensorboard"], 1), ([], 1), (["mlflow", "tensorboard"], 1)):
        path = suite_file(tmp_path, seeds=[0], grids=grids, set={**TINY, "trackers": trackers})
        assert yaml.safe_load(path.read_text())["set"]["trackers"] == trackers
        process = started("bench", "run", path, "--out", tmp_path / "out", cwd=tmp_path)
        assert process.wait(timeout=200) == 0
        assert len(list((tmp_path / "out").rglob("results.json"))) == 1
        assert len(list((tmp_path / "out").rglob("events.out.tfevents.*"))) == made
    assert not list((tmp_path / "out").rglob("mlflow.db"))


def test_an_unknown_tracker_of_a_suite_is_a_mistake(tmp_path):
    path = suite_file(tmp_path, set={**TINY, "trackers": ["tensorbord"]})
    process = started("bench", "run", path, "--out", tmp_path / "out", cwd=tmp_path)
    out, _ = process.communicate(timeout=200)
    assert process.returncode == 2
    text = out if isinstance(out, str) else out.decode()
    assert "no tracker is called 'tensorbord' (did you mean 'tensorboard'?)" in text
