"""Processes that torchrun or Slurm starts train as those do that the program starts itself."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_multimix import SMALL
from torch.multiprocessing import ProcessRaisedException

import ssmtl.runs.fabric
from ssmtl.recipe.training import Train
from ssmtl.runs.launched import launched, processes, rank

BIN = Path(sys.executable).parent
STEPS = ("train.steps=6", "train.evaluate_every=3")


def arguments(out, *overrides):
    sets = [part for one in (*SMALL, *STEPS, *overrides) for part in ("--set", one)]
    return [str(BIN / "ssmtl"), "run", "multimix", *sets, "--out", str(out)]


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "TORCHELASTIC"))}
    return {**kept, "OMP_NUM_THREADS": "1", "COLUMNS": "250", **{name: str(value) for name, value in more.items()}}


def started(command, **more):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment(**more), **pipes)


def ended(process, timeout=300):
    out, _ = process.communicate(timeout=timeout)
    return process.returncode, out


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


@pytest.fixture(scope="module")
def spawned(tmp_path_factory):
    """The weights of the program's own two processes."""
    out = tmp_path_factory.mktemp("own") / "run"
    code, said = ended(started(arguments(out, "train.devices=2")))
    assert code == 0, said
    return load_file(out / "weights" / "last.safetensors")


def assert_same(weights, run):
    found = load_file(run / "weights" / "last.safetensors")
    assert weights.keys() == found.keys()
    assert all(torch.equal(weights[name], found[name]) for name in weights)
    assert (run / "report.html").is_file()
    assert set(json.loads((run / "results.json").read_text())["tasks"]) == {"diagnosis", "lungs"}


@pytest.mark.slow
def test_torchrun_on_one_machine(spawned, tmp_path):
    run = tmp_path / "run"
    command = [BIN / "torchrun", "--no-python", "--nproc-per-node", "2", "--master-port", str(free_port())]
    code, said = ended(started([*command, *arguments(run, "train.devices=2")]))
    assert code == 0, said
    assert said.count("validation at step 3") == 1, "one process speaks"
    assert_same(spawned, run)


@pytest.mark.slow
def test_torchrun_on_two_nodes(spawned, tmp_path):
    run, port = tmp_path / "run", str(free_port())
    both = []
    for node in range(2):
        command = [BIN / "torchrun", "--no-python", "--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1"]
        command += ["--master-addr", "127.0.0.1", "--master-port", port]
        both.append(started([*command, *arguments(run, "train.nodes=2")]))
    for code, said in map(ended, both):
        assert code == 0, said
    assert_same(spawned, run)


@pytest.mark.slow
def test_slurm_on_two_nodes(spawned, tmp_path):
    """With the variables that `srun --nodes 2 --ntasks-per-node 1` sets."""
    run = tmp_path / "run"
    shared = {"SLURM_NTASKS": 2, "SLURM_STEP_NUM_TASKS": 2, "SLURM_JOB_ID": 1, "SLURM_NODELIST": "localhost",
              "SLURM_LOCALID": 0,
              "SLURM_JOB_NAME": "train", "SLURM_NTASKS_PER_NODE": 1, "SLURM_NNODES": 2,
              "MASTER_PORT": free_port(), "MASTER_ADDR": "127.0.0.1"}  # fmt: skip
    both = [
        started(arguments(run, "train.nodes=2"), **shared, SLURM_PROCID=node, SLURM_NODEID=node) for node in range(2)
    ]
    for code, said in map(ended, both):
        assert code == 0, said
    assert_same(spawned, run)


@pytest.mark.slow
def test_a_checkpoint_of_two_processes_goes_on_in_one(tmp_path):
    run = tmp_path / "run"
    short = started(arguments(run, "train.devices=2", "train.checkpoint_every=2"))
    assert ended(short)[0] == 0
    more = [BIN / "ssmtl", "run", "--resume", run, "--force", "--set", "train.devices=1", "--set", "train.steps=8"]
    code, said = ended(started([*map(str, more)]))
    assert code == 0, said
    assert "resuming" in said
    assert json.loads((run / "results.json").read_text())["steps"] == 8


def test_several_nodes_need_a_launcher(tmp_path):
    code, said = ended(started(arguments(tmp_path / "run", "train.nodes=2")))
    assert code == 2
    assert "train.nodes is 2: on several machines, torchrun or srun starts the processes" in said
    assert "Traceback" not in said


def test_another_number_of_processes_is_an_error(tmp_path):
    set_by_torchrun = {"TORCHELASTIC_RUN_ID": "x", "RANK": 0, "WORLD_SIZE": 3, "LOCAL_RANK": 0}
    code, said = ended(started(arguments(tmp_path / "run", "train.devices=2"), **set_by_torchrun))
    assert code == 2
    assert "3 processes were started, but train.devices x train.nodes is 2 x 1" in said


@pytest.mark.slow
def test_a_run_of_one_process_takes_no_notice_of_the_slurm_job_around_it(tmp_path):
    """As in a job's script, and in a worker of Ray that `srun` started."""
    around = {"SLURM_NTASKS": 4, "SLURM_STEP_NUM_TASKS": 3, "SLURM_PROCID": 1, "SLURM_NODEID": 1, "SLURM_LOCALID": 0,
              "SLURM_JOB_ID": 1, "SLURM_NODELIST": "elsewhere", "SLURM_JOB_NAME": "suite"}  # fmt: skip
    code, said = ended(started(arguments(tmp_path / "run"), **around))
    assert code == 0, said
    assert (tmp_path / "run" / "report.html").is_file()


def test_who_is_launched(monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    one, two = Train(), Train(devices=2)
    assert (launched(two), rank(two), processes(two)) == (False, 0, 1)
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert not launched(two), "a job's script is not started by srun"
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    assert (launched(two), rank(two), processes(two)) == (True, 1, 2)
    assert not launched(one)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (launched(one), rank(one), processes(one)) == (True, 3, 4)


def test_another_port_is_tried_if_one_is_taken(monkeypatch):
    said, made = ["EADDRINUSE, message: address already in use", "a mistake"], []

    class Meeting:
        def launch(self, work):
            if said:
                raise ProcessRaisedException(said.pop(0), 0, 1)
            work(self)

    monkeypatch.setattr(ssmtl.runs.fabric, "make_fabric", lambda recipe: made.append(recipe) or Meeting())
    with pytest.raises(ProcessRaisedException, match="a mistake"):
        ssmtl.runs.fabric.launch(Meeting(), "recipe", made.append)
    assert made == ["recipe"]
    said[:] = ["EADDRINUSE"]
    ssmtl.runs.fabric.launch(Meeting(), "recipe", lambda fabric: made.append("worked"))
    assert made == ["recipe", "recipe", "worked"]
    said[:] = ["EADDRINUSE"] * 3
    with pytest.raises(ProcessRaisedException, match="EADDRINUSE"):
        ssmtl.runs.fabric.launch(Meeting(), "recipe", made.append)
