"""A run that stops early: its log is the beginning of the whole run's, resumed or in two processes too."""

import json
import os
import shutil
import signal
from contextlib import nullcontext

import pytest
import torch
from safetensors.torch import load_file
from small_multimix import prepared_of

from ssmtl import Folders, hookimpl
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.reports.run.summary import summarise
from ssmtl.runs.execute import Job, execute
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.log import read_log
from ssmtl.runs.signals import StoppedError

PATIENT = "train.early_stopping={patience: 2, min_delta: 1}"
"""No score is above the first by more than 1: training ends two evaluations later."""

STEPS = ("train.steps=9", "train.evaluate_every=2", "train.log_every=1")


class KillAt:
    """Asks the process to stop, when a step has been logged."""

    def __init__(self, step):
        self.step = step

    def __call__(self):
        return nullcontext([self])

    @hookimpl
    def ssmtl_step_ended(self, step):
        if step.step == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


def run_in(folder, *overrides, resume=False, stop_at=None):
    experiment, prepared, plugins = prepared_of(*STEPS, *overrides)
    more = {"observers": KillAt(stop_at)} if stop_at else {}
    job = Job(experiment.recipe, RunFolder(folder), Folders(), resume=resume, **more)
    return execute(job, plugins, experiment, prepared)


def records(folder):
    """Of training and validation, without what the clock says."""
    kept = [record for record in read_log(folder / "metrics.jsonl") if record.get("part", "validation") == "validation"]
    return [
        {key: value for key, value in one.items() if key not in ("seconds", "rows_per_second", "best")} for one in kept
    ]


def assert_same_run(one, other):
    for which in ("best", "last"):
        first, second = (load_file(run / "weights" / f"{which}.safetensors") for run in (one, other))
        assert all(torch.equal(first[name], second[name]) for name in first), which
    first, second = (json.loads((run / "results.json").read_text()) for run in (one, other))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    assert records(one) == records(other)


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    folder = tmp_path_factory.mktemp("early") / "run"
    run_in(folder, PATIENT)
    return folder


def test_it_ends_at_an_evaluation_and_says_so(early, tmp_path):
    results = RunFolder(early).read_results()
    assert results.steps == 6
    assert results.stopped_early.model_dump() == {"planned": 9, "patience": 2, "min_delta": 1.0}
    assert (early / "checkpoints" / "step-00000006").is_dir()
    run_in(tmp_path / "whole")
    whole = records(tmp_path / "whole")
    assert [record["step"] for record in whole if record["event"] == "evaluated"] == [2, 4, 6, 8, 9]
    assert records(early) == whole[: len(records(early))]
    assert RunFolder(tmp_path / "whole").read_results().stopped_early is None
    said = "Training stopped early, after 6 of 9 steps: the validation score did not improve by more than 1 in 2"
    assert f"{said} evaluations." in summarise(FinishedRun.read(early))


@pytest.mark.parametrize("step", [3, 5, 6])
def test_stopped_and_resumed_it_ends_at_the_same_step(step, early, tmp_path):
    with pytest.raises(StoppedError):
        run_in(tmp_path / "cut", PATIENT, stop_at=step)
    run_in(tmp_path / "cut", PATIENT, resume=True)
    assert_same_run(early, tmp_path / "cut")


def test_killed_in_its_last_evaluation_it_is_not_trained_further(early, tmp_path):
    shutil.copytree(early, tmp_path / "cut")
    (tmp_path / "cut" / "results.json").unlink()
    run_in(tmp_path / "cut", PATIENT, resume=True)
    assert_same_run(early, tmp_path / "cut")


@pytest.mark.slow
def test_two_processes_stop_together(tmp_path):
    results = run_in(tmp_path / "run", PATIENT, "train.devices=2")
    assert results.steps == 6
    assert results.stopped_early is not None
