"""`ssmtl tune` with runs that really train: in this process, and in real ones that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from small_suite import TINY, table

import ssmtl
from ssmtl.data.rows import Rows
from ssmtl.errors import RunError
from ssmtl.model.weights import checksum
from ssmtl.runs.folder import RunFolder
from ssmtl.suite.work import FINISHED
from ssmtl.suite.worker import work_on
from tests.cli.command_line import call

SETTINGS = {key: value for key, value in TINY.items() if "lungs" not in key} | {
    "train.steps": 8,
    "train.evaluate_every": 4,
    "tasks.diagnosis.labeled": 12,
}
SPACE = {
    "parameters": {"optimizer.lr": {"low": 1e-4, "high": 1e-2, "log": True}},
    "trials": 2,
    "ahead": 2,
    "pruner": {"use": "halving", "at": [4]},
}


class InThisProcess:
    """An executor."""

    def __init__(self):
        self.work = []

    def run(self, work, started, ended, idle):
        for one in work:
            self.work.append(one)
            started(one)
            ended(one, work_on(one))

    def close(self):
        pass


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A search of two trials, one of which is pruned; which images were looked at; its executor."""
    folder, shown, executor = tmp_path_factory.mktemp("tuned"), set(), InThisProcess()
    read = Rows.images

    def watched(self, rows):
        places = range(len(self.ids))[rows] if isinstance(rows, slice) else rows
        shown.update(self.ids[place] for place in places)
        return read(self, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rows, "images", watched)
        done = ssmtl.tune("enc", SPACE, overrides=SETTINGS, out=folder / "out", executor=executor)
    return done, shown, executor


def test_no_test_image_is_looked_at(tuned):
    done, shown, _ = tuned
    assert shown
    for run in (done.path / "cells").glob("[0-9]*"):
        split = json.loads((run / "split.json").read_text())["tasks"]["diagnosis"]
        tests = {one for part in split["test"].values() for one in part["ids"]}
        assert tests
        assert not shown & tests
        assert shown & set(split["val"])


def test_a_pruned_trial_ends_where_it_was_compared_and_the_other_finishes_without_a_test(tuned):
    done, _, _ = tuned
    pruned, finished = sorted(done.trials, key=lambda one: one.state, reverse=True)
    assert (pruned.state, pruned.pruned_at, pruned.steps) == ("pruned", 4, 4)
    assert (finished.state, finished.steps, finished.number) == ("finished", 8, done.best.number)
    runs = {one.number: RunFolder(done.path / "cells" / one.runs[0]) for one in done.trials}
    assert not runs[pruned.number].is_finished
    results = runs[finished.number].read_results()
    assert results.tasks == {}
    assert results.selected.score == finished.value
    assert finished.scores["4"] >= pruned.value


def test_a_trial_that_was_paused_ends_with_the_weights_of_one_that_was_not(tuned, tmp_path):
    done, _, executor = tuned
    last = executor.work[-1]
    assert (last.cell, last.until) == (done.best.runs[0], None)
    (tmp_path / "cells").mkdir()
    assert work_on(replace(last, suite=str(tmp_path))) == FINISHED
    for which in ("best", "last"):
        paused, whole = (RunFolder(folder / "cells" / last.cell).weights(which) for folder in (done.path, tmp_path))
        assert checksum(paused) == checksum(whole)


@pytest.mark.slow
def test_the_best_recipe_runs_as_its_trial_did_and_is_tested(tuned, tmp_path):
    done, _, _ = tuned
    again = ssmtl.run(done.recipe, out=tmp_path / "run")
    assert again.results.selected.score == done.best.value
    assert again.results.tasks["diagnosis"]["in_domain"]
    suite = {"name": "tuned", "variants": {"tuned": {"recipe": str(done.recipe)}}, "grids": [{"systems": ["tuned"]}]}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    assert call("bench", "run", tmp_path / "suite.yaml", "--dry-run", "--out", tmp_path / "out")[0] == 0


def test_runs_lists_the_trials(tuned):
    code, out, _ = call("runs", tuned[0].path, "--show", "optimizer.lr")
    assert code == 0
    assert out.count("0000_s0") + out.count("0001_s0") == 2


def test_a_class_of_this_process_is_refused(tmp_path):
    class Mine(ssmtl.Bridge):
        pass

    with pytest.raises(RunError, match="exists in this process only"):
        ssmtl.tune("enc", SPACE, overrides=SETTINGS, plugins=[Mine], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def command(folder, *more):
    (folder / "space.yaml").write_text(yaml.safe_dump({**SPACE, "trials": 4, "seeds": [0, 1]}))
    sets = [f"--set={key}={json.dumps(value)}" for key, value in {**SETTINGS, "train.steps": 40}.items()]
    script = Path(sys.executable).with_name("ssmtl")
    return [script, "tune", "enc", "space.yaml", *sets, "--set=train.evaluate_every=4", "--out=out", *more]


def started(folder, *more):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
    return subprocess.Popen(
        command(folder, *more), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def untimed(folder):
    return [{**row, "seconds": ""} for row in table(folder / "out" / "trials.csv")]


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_and_ends_as_one_that_was_not(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    process = started(tmp_path / "whole", "--jobs=1")
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert "4 trials" in out
    for number, ends in enumerate((signal.SIGKILL, signal.SIGINT, signal.SIGKILL)):
        process = started(tmp_path / "killed", "--jobs=2")
        wanted = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < wanted:
            if len(list((tmp_path / "killed" / "out" / "cells").glob("*/metrics.jsonl"))) > 2 * number:
                break
            time.sleep(0.1)
        time.sleep(0.7 * number)
        if ends == signal.SIGINT:
            os.kill(process.pid, ends)
            _, err = process.communicate(timeout=120)
            assert process.returncode in (0, 75), err
            assert process.returncode == 0 or "the same command goes on: ssmtl tune enc space.yaml" in err
        else:
            process.kill()
            process.communicate()
    process = started(tmp_path / "killed", "--jobs=2")
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert untimed(tmp_path / "killed") == untimed(tmp_path / "whole")


@pytest.mark.slow
def test_a_search_in_which_all_trials_fail_says_so(tmp_path):
    space = {**SPACE, "parameters": {"optimizer.lr": {"choices": [1e30, 2e30]}}}
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(space))
    sets = [f"--set={key}={json.dumps(value)}" for key, value in SETTINGS.items()]
    code, out, _ = call("tune", "enc", tmp_path / "space.yaml", *sets, "--out", tmp_path / "out")
    assert code == 3
    assert "no trial finished" in out
    assert all("not finite" in row["error"] for row in table(tmp_path / "out" / "trials.csv"))
