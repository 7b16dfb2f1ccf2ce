"""What a suite costs besides training: rows are appended, cells have a time limit, a grid is printed without data."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_suite import suite_file
from typer.testing import CliRunner

from ssmtl.cli.bench import app
from ssmtl.errors import RecipeError
from ssmtl.registry.plugins import load_plugins
from ssmtl.suite import suite_run as suite_runs
from ssmtl.suite.cell import outcome_of
from ssmtl.suite.on_ray import AHEAD, RayCluster
from ssmtl.suite.suite_file import read_suite
from ssmtl.suite.work import BUSY, Work

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
spec = importlib.util.spec_from_file_location("suite_scale", BENCHMARKS / "suite_scale.py")
suite_scale = importlib.util.module_from_spec(spec)
spec.loader.exec_module(suite_scale)


def test_rows_are_appended_one_cell_at_a_time_and_ordered_at_the_end(tmp_path, monkeypatch):
    """Appending reads the finished cell alone."""
    run = suite_runs.SuiteRun
    read = []
    append = run.append_rows

    def watched(self, name):
        lines = len((self.folder / "results.csv").read_text().splitlines())
        append(self, name)
        read.append(len((self.folder / "results.csv").read_text().splitlines()) - lines)

    monkeypatch.setattr(run, "append_rows", watched)
    suite_scale.measure(20, load_plugins(()), tmp_path)
    assert read == [2 * len(suite_scale.METRICS)] * 20
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 1 + sum(read)


def work(folder, cell, **told):
    return Work(str(folder), {"cell": cell}, {}, 1, None, (), **told)


def test_a_cell_past_its_time_limit_is_ended_and_says_so(tmp_path):
    script = (
        "import time\nfrom unittest import mock\nfrom ssmtl.suite import worker\nfrom ssmtl.suite.work import Work\n"
        f"one = Work({str(tmp_path)!r}, {{'cell': 'slow'}}, {{}}, 1, None, (), 0.5)\n"
        "with mock.patch.object(worker, '_train', lambda *_: time.sleep(60)):\n    worker.work_on(one)\n"
    )
    (tmp_path / "cells").mkdir()
    began = time.monotonic()
    code = subprocess.run([sys.executable, "-c", script], env={**os.environ}, timeout=50, check=False).returncode
    assert (code, time.monotonic() - began < 45) == (-signal.SIGALRM, True)

    class Ended:
        def run(self, cells, started, ended, idle):
            for one in cells:
                ended(one, code)

    nothing = lambda *_: None  # noqa: E731
    failures = suite_runs.run_cells([work(tmp_path, "slow", time_limit=0.5)], Ended(), nothing, nothing, nothing)
    outcome = outcome_of(tmp_path, "slow")
    assert (failures, outcome.status) == (1, "failed")
    assert "longer than time_limit, 0.5 seconds" in outcome.error


def test_a_time_limit_is_positive(tmp_path):
    assert read_suite(suite_file(tmp_path, time_limit=2.5)).time_limit == 2.5
    with pytest.raises(RecipeError, match="time_limit"):
        read_suite(suite_file(tmp_path, time_limit=0))


class FakeRay:
    """Two CPUs; of what is submitted, the first two run; each wait ends one of them."""

    def __init__(self):
        self.inside, self.most, self.submitted = [], 0, []

    def remote(self, **_):
        return lambda _: SimpleNamespace(remote=self.submit)

    def submit(self, one, wait=0.0):
        reference = (one.cell, wait)
        self.submitted.append(reference)
        self.inside.append(reference)
        self.most = max(self.most, len(self.inside))
        return reference

    def wait(self, references, timeout):
        assert sorted(references) == sorted(self.inside)
        return [self.inside.pop(0)], []

    def get(self, reference):
        return BUSY if reference == ("c3", 0.0) else 0

    def cluster_resources(self):
        return {"CPU": 2.0}

    def shutdown(self):
        pass


def test_ray_gets_a_bounded_window_and_running_means_running(tmp_path, monkeypatch):
    cluster = object.__new__(RayCluster)
    cluster.ray, cluster.threads, cluster.gpus = FakeRay(), 1, 0.0
    monkeypatch.setattr(
        "ssmtl.suite.on_ray.status_of",
        lambda _, cell: "running" if cell in [name for name, _ in cluster.ray.inside[:2]] else "waiting",
    )
    started, ended = [], []
    cells = [work(tmp_path, f"c{number}") for number in range(50)]

    def start(one):
        assert one.cell in [name for name, _ in cluster.ray.inside[:2]]
        started.append(one.cell)

    cluster.run(cells, start, lambda one, code: ended.append((one.cell, code)), lambda: None)
    assert cluster.ray.most == AHEAD * 2
    assert sorted(ended) == sorted((one.cell, 0) for one in cells)
    assert len(started) == len(set(started)) > 40


def test_the_papers_grid_is_printed_without_its_data(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    command = ["run", str(BENCHMARKS / "quality" / "paper.yaml"), "--dry-run", "--data-root", str(tmp_path)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "285 cells" in result.output
    assert "umtl_ssl_s" in result.output
    assert "data cannot be read" in result.output
