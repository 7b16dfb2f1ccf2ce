"""Real runs with trackers, in real processes: the curves are those of the run's log, however it was interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_runs import arguments

sys.path.append(str(Path(__file__).parents[1] / "plugins"))
from tracked import READERS

pytestmark = pytest.mark.slow

TRACKERS = [part for name in sorted(READERS) for part in ("--tracker", name)]
SETTINGS = ("train.steps=150", "train.checkpoint_every=20", "train.evaluate_every=45")
SCRIPT = Path(sys.executable).with_name("ssmtl")


def command(out, *more):
    return [str(SCRIPT), *arguments("multimix", out), *(part for one in SETTINGS for part in ("--set", one)), *more]


def finished(words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "tracker" not in done.stderr, done.stderr
    return done


def interrupted(words, log, number, steps=9):
    """Start in a process group of its own, as a terminal does; send the signal after more steps; the exit code."""
    before = logged(log)
    process = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and logged(log) < before + steps:
        time.sleep(0.02)
    running = started_processes(log.parent)
    assert process.poll() is None, "it ended before it could be interrupted"
    assert any("wandb-core" in one for one in running) == (log.parent / "wandb").exists(), running
    os.killpg(process.pid, number)
    return process.wait(timeout=60)


def logged(log):
    return log.read_text().count('"event": "step"') if log.exists() else 0


def started_processes(folder):
    """The commands of this machine's processes whose arguments or environment name the run's folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = ((place / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            continue
        if os.fsencode(folder) in command + environment:
            found.append(command.decode(errors="replace"))
    return found


def curves_of(run):
    """From metrics.jsonl, and the test results from results.json."""
    curves = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        values = {}
        if record["event"] == "step":
            values = {"loss/total": record["total"], "learning_rate": record["learning_rate"]}
            values |= {f"loss/{name}": value for name, value in record["losses"].items()}
            values |= {f"diagnostics/{name}": value for name, value in record["diagnostics"].items()}
        elif record["part"] == "validation":
            values = {f"validation/{name}": value for name, value in record["values"].items()}
            values |= {"validation/score": record["score"]}
            values |= {"best/score": record["score"]} if record["best"] else {}
        for name, value in values.items():
            curves.setdefault(name, []).append((record["step"], value))
    return curves


def assert_tracked(run):
    wanted, results = curves_of(run), json.loads((run / "results.json").read_text())
    dice = results["tasks"]["lungs"]["cross_domain"]["dice"]
    for name, read in READERS.items():
        found = read(run)
        found.pop("rows_per_second")
        assert found["test/cross_domain/lungs.dice"][-1][1] == pytest.approx(dice)
        assert found["best/step"][-1][1] == results["selected"]["step"]
        assert {one for one in found if not one.startswith(("test/", "best/step"))} == set(wanted), name
        for curve, points in wanted.items():
            assert [step for step, _ in found[curve]] == [step for step, _ in points], (name, curve)
            values = [float("nan") if value is None else value for _, value in points]
            assert [value for _, value in found[curve]] == pytest.approx(values, rel=1e-6, nan_ok=True), (name, curve)


def assert_same_run(first, second):
    for name in ("weights/best.safetensors", "weights/last.safetensors", "split.json", "per_image.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    hashes = [json.loads((run / "results.json").read_text())["recipe_hash"] for run in (first, second)]
    assert hashes[0] == hashes[1]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "run"
    finished(command(out))
    return out


def test_stopped_killed_and_resumed_it_is_tracked_as_if_it_had_not_been(plain, tmp_path, monkeypatch):
    """No process is left, nothing is written to the home folder but the caches, and the weights are the same."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    run = tmp_path / "run"
    resume = [str(SCRIPT), "run", "--resume", str(run)]
    assert interrupted(command(run, *TRACKERS), run / "metrics.jsonl", signal.SIGINT) == 75
    assert started_processes(run) == []
    assert not (run / "results.json").exists()
    assert interrupted(resume, run / "metrics.jsonl", signal.SIGKILL) == -9
    time.sleep(2)
    assert started_processes(run) == []
    finished(resume)
    assert started_processes(run) == []
    assert_tracked(run)
    assert_same_run(plain, run)
    assert not {one.name for one in home.rglob("*")} & {"wandb", "mlflow", "mlruns", ".wandb", "mlflow.db"}


def test_a_tracker_that_is_added_when_the_run_is_resumed_has_all_of_it(plain, tmp_path):
    run = tmp_path / "run"
    assert interrupted(command(run), run / "metrics.jsonl", signal.SIGTERM, steps=25) == 75
    finished([str(SCRIPT), "run", "--resume", str(run), *TRACKERS])
    assert_tracked(run)
    assert_same_run(plain, run)


def test_with_two_processes_one_tracks(tmp_path):
    run = tmp_path / "run"
    finished(command(run, *TRACKERS, "--set", "train.devices=2", "--set", "train.steps=20"))
    assert_tracked(run)
    time.sleep(2)
    assert started_processes(run) == []


def test_each_fold_is_tracked_by_itself(tmp_path):
    out = tmp_path / "folds"
    finished(command(out, *TRACKERS, "--set", "folds=2", "--set", "train.steps=8"))
    for run in (out / "fold-1", out / "fold-2"):
        assert_tracked(run)
