"""Injected faults: what happens, and what remains."""

import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from children import assert_same, command, killed_at, tiny
from safetensors.torch import load_file

from ssmtl.runs.signals import StopRequest

PLUGIN = Path(__file__).with_name("broken_plugin.py")
ADDED = (
    "tasks.diagnosis.strategies=[{use: cross_entropy}, {use: fixmatch, threshold: 0.7, weight: 0.25}, "
    "{use: broken, at: 0.5, weight: 1.0}]"
)


def failing(how, run, log, *more, monkeypatch):
    monkeypatch.setenv("FAIL", how)
    return command([*tiny("multimix", ADDED, *more), "--plugin", PLUGIN, "--out", run], log)


def test_a_loss_that_is_not_finite_ends_the_run_with_all_information_needed(tmp_path, monkeypatch):
    run = tmp_path / "run"
    ended = failing("nan", run, tmp_path / "log", monkeypatch=monkeypatch)
    assert ended.code == 2
    assert "not finite in step 7: diagnosis.broken = nan. Images: diagnosis labeled: " in ended.out
    noted = json.loads((run / "nonfinite" / "step-00000007.json").read_text())
    assert noted["broken"] == ["diagnosis.broken = nan"]
    assert len(noted["ids"]["diagnosis"]["labeled"]) == 4
    tensors = load_file(run / "nonfinite" / "step-00000007.safetensors")
    assert tensors["diagnosis/labeled/weak/images"].shape == (4, 1, 32, 32)
    assert (run / "checkpoints" / "step-00000006").is_dir()
    monkeypatch.setenv("FAIL", "nan")
    replayed = command(["run", "--resume", run, "--plugin", PLUGIN], tmp_path / "log")
    assert "not finite in step 7: diagnosis.broken = nan" in replayed.out
    monkeypatch.setenv("FAIL", "")
    mended = command(["run", "--resume", run, "--plugin", PLUGIN], tmp_path / "log")
    assert mended.code == 0, mended.out


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(tmp_path, monkeypatch):
    run = tmp_path / "run"
    ended = failing("gradient", run, tmp_path / "log", monkeypatch=monkeypatch)
    assert ended.code == 2
    assert "not finite in step 7: the gradient of " in ended.out
    saved = load_file(run / "checkpoints" / "step-00000006" / "state.safetensors")
    assert all(tensor.isfinite().all() for tensor in saved.values())


def test_steps_that_are_not_finite_are_skipped_up_to_a_limit(tmp_path, monkeypatch):
    skip = ("train.on_nonfinite=skip", "train.max_skipped=2")
    run = tmp_path / "run"
    ended = failing("once", run, tmp_path / "log", *skip, monkeypatch=monkeypatch)
    assert ended.code == 0, ended.out
    assert "Warning: step 7 is skipped: diagnosis.broken = inf" in ended.out
    assert json.loads((run / "results.json").read_text())["steps_skipped"] == 2
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["event"] == "skipped"] == [7, 8]
    ended = failing("nan", tmp_path / "other", tmp_path / "log", *skip, monkeypatch=monkeypatch)
    assert ended.code == 2
    assert "not finite in step 9 after 2 skipped steps (train.max_skipped)" in ended.out


def test_out_of_memory_says_what_to_do(tmp_path, monkeypatch):
    ended = failing("memory", tmp_path / "run", tmp_path / "log", monkeypatch=monkeypatch)
    assert ended.code == 2
    assert "out of memory in step 7, in the strategy 'diagnosis.broken'" in ended.out
    assert "Try a smaller tasks.NAME.batch" in ended.out


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raise", "the strategy 'diagnosis.broken' failed in step 7: ArithmeticError('seven') (broken_plugin.py, line"),
        ("exit", "the strategy 'diagnosis.broken' failed in step 7: SystemExit(0) (broken_plugin.py, line"),
        ("provider", "broken_plugin.py failed in ssmtl_strategies: KeyError('lost')"),
        ("nothing", "broken_plugin.py: ssmtl_strategies returned None; expected a mapping of names"),
    ],
)
def test_a_plugin_that_fails_is_named(how, said, tmp_path, monkeypatch):
    run = tmp_path / "run"
    ended = failing(how, run, tmp_path / "log", monkeypatch=monkeypatch)
    assert ended.code == 2
    assert said in ended.out
    assert "Traceback" not in ended.out
    assert run.exists() == (how in ("raise", "exit"))


def test_observers_never_end_a_run(tmp_path, whole, monkeypatch):
    """One raises in a single hook; another raises in all of them and is named once."""
    monkeypatch.setenv("FAIL", "observers")
    hooks = ("run_started", "step_ended", "evaluated", "checkpoint_saved", "run_ended")
    plugins = [PLUGIN, *(shutil.copy(PLUGIN, tmp_path / f"{hook}.py") for hook in hooks)]
    run = tmp_path / "run"
    named = [part for plugin in plugins for part in ("--plugin", plugin)]
    ended = command([*tiny("multimix"), *named, "--out", run], tmp_path / "log")
    assert ended.code == 0, ended.out
    assert ended.out.count("Warning: the observer") == 6
    for hook in hooks:
        assert f"{hook}.py' failed in ssmtl_{hook} and is left out: ValueError('{hook}')" in ended.out
    assert_same(whole("multimix")[0], run)


def test_an_observer_that_asks_to_exit_never_ends_a_run(tmp_path, whole, monkeypatch):
    monkeypatch.setenv("FAIL", "observers exit")
    run = tmp_path / "run"
    ended = command([*tiny("multimix"), "--plugin", PLUGIN, "--out", run], tmp_path / "log")
    assert ended.code == 0, ended.out
    assert "failed in ssmtl_run_started and is left out: SystemExit(0) (broken_plugin.py, line" in ended.out
    assert_same(whole("multimix")[0], run)


def test_a_file_that_may_not_grow(tmp_path, whole):
    """As on a disk without room for large files: one clear error, and the run can be resumed when there is room."""
    run = tmp_path / "run"

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    ended = command([*tiny("multimix"), "--out", run], tmp_path / "log", first=limited)
    assert ended.code == 2, ended.out
    assert "Traceback" not in ended.out
    assert "Everything saved before is intact" in ended.out
    assert not list((run / "checkpoints").iterdir())
    again = command(["run", "--resume", run], tmp_path / "log")
    assert again.code == 0, again.out
    assert_same(whole("multimix")[0], run)


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a file system of the given number of kilobytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = []

    def mount(kilobytes, *, remount=False):
        options = f"size={kilobytes}k" + (",remount" if remount else "")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no mount here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize(
    "kilobytes", [700, *(pytest.param(size, marks=pytest.mark.slow) for size in (40, 200, 1400, 2200))]
)
def test_a_full_disk(kilobytes, tmp_path, small_disk, whole):
    """Wherever it happens: one clear error; the run can be resumed when there is room."""
    disk = small_disk(kilobytes)
    ended = command([*tiny("multimix"), "--out", disk / "run"], tmp_path / "log")
    assert ended.code == 2, ended.out
    assert "No space left on device" in ended.out
    assert "Traceback" not in ended.out
    small_disk(100_000, remount=True)
    again = command([*tiny("multimix"), "--out", disk / "run", "--resume", "auto"], tmp_path / "log")
    assert again.code == 0, again.out
    assert_same(whole("multimix")[0], disk / "run")


@pytest.mark.parametrize("kilobytes", [pytest.param(16, marks=pytest.mark.slow), 100])
def test_a_full_disk_under_the_cache(kilobytes, tmp_path, small_disk, monkeypatch, whole):
    """No entry is left half-built, and no bus error ends the process."""
    disk = small_disk(kilobytes)
    monkeypatch.setenv("SSMTL_CACHE", str(disk))
    ended = command([*tiny("multimix"), "--out", tmp_path / "run"], tmp_path / "log")
    assert ended.code == 2, (ended.code, ended.out)
    assert "No space left on device" in ended.out
    assert not (tmp_path / "run").exists()
    small_disk(100_000, remount=True)
    again = command([*tiny("multimix"), "--out", tmp_path / "run"], tmp_path / "log")
    assert again.code == 0, again.out
    assert_same(whole("multimix")[0], tmp_path / "run")


def test_a_folder_that_cannot_be_written(tmp_path, small_disk):
    disk = small_disk(1000)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    ended = command([*tiny("multimix"), "--out", disk / "run"], tmp_path / "log")
    assert ended.code == 2
    assert "Read-only file system" in ended.out
    assert "Traceback" not in ended.out


def test_a_clock_that_runs_backwards(tmp_path, whole):
    def backwards():
        start = time.time()
        begun = time.perf_counter()
        time.time = lambda: start - 3600 * (time.perf_counter() - begun)

    run = tmp_path / "run"
    arguments = [*tiny("multimix", "train.checkpoint_every=3"), "--out", run, "--resume", "auto"]

    def first():
        backwards()
        killed_at("step-00000009", 1)()

    killed = command(arguments, tmp_path / "log", first=first)
    assert killed.code == -9
    for path in run.rglob("*"):  # the later a file was written, the older it seems
        os.utime(path, (10**9, 10**9))
    again = command(arguments, tmp_path / "log", first=backwards)
    assert again.code == 0, again.out
    assert_same(whole("multimix")[0], run)


@pytest.fixture(scope="module")
def in_two(tmp_path_factory):
    """Starts a run in two processes, with the command as a user would, not by a fork.

    The limits are wide: on a busy machine, what takes a minute has taken more than three.
    """
    started = []

    def start(run, *more, auto=False):
        arguments = [*tiny("umtl", "train.devices=2", "train.steps=60", "train.timeout=300", *more), "--out", str(run)]
        arguments += ["--resume", "auto"] if auto else []
        log = (run.parent / f"log{len(started)}").open("w")
        process = subprocess.Popen(
            [Path(sys.executable).with_name("ssmtl"), *arguments], stdout=log, stderr=subprocess.STDOUT
        )
        started.append(process)
        return process, Path(log.name)

    yield start
    for process in started:
        process.kill()


def others_of(process):
    """The ids of the two training processes, in the order of their start."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)], capture_output=True, text=True
    )
    lines = [line for line in found.stdout.splitlines() if "spawn_main" in line]
    return [int(line.split()[0]) for line in lines]


def wait_for(condition, seconds=300):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_one_process_of_two_that_dies_is_named_and_the_other_ends(rank, tmp_path, in_two):
    run = tmp_path / "run"
    process, log = in_two(run)
    wait_for(lambda: (run / "checkpoints" / "step-00000006").is_dir() or process.poll() is not None)
    trainers = others_of(process)
    assert len(trainers) == 2, log.read_text()
    os.kill(trainers[rank], signal.SIGKILL)
    assert process.wait(400) == 2, log.read_text()
    assert f"process {rank} of the run's 2 died (exit code -9, killed by SIGKILL)" in log.read_text()
    wait_for(lambda: not any(Path(f"/proc/{one}").exists() for one in trainers), 30)
    assert list((run / "checkpoints").glob("step-*"))


@pytest.mark.slow
def test_two_processes_asked_to_stop_before_their_first_step(tmp_path, in_two):
    """They are being started, and know of no signal yet; the same command then works."""
    cut = tmp_path / "cut"
    process, log = in_two(cut, "train.steps=2")
    wait_for(lambda: (cut / "recipe.yaml").is_file() or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    assert process.wait(400) == 75, log.read_text()
    assert "Traceback" not in log.read_text()
    assert not (cut / "checkpoints").exists()
    process, log = in_two(cut, "train.steps=2", auto=True)
    assert process.wait(400) == 0, log.read_text()
    assert (cut / "results.json").is_file()


def test_a_signal_before_any_process_is_started_is_not_lost():
    request = StopRequest(forward=True)
    request.on_signal(signal.SIGTERM)
    assert request.asked()
    late = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    late.start()
    late.join(20)
    request.over = True
    assert late.exitcode == -signal.SIGTERM


@pytest.mark.slow
def test_two_processes_go_on_where_they_stopped(tmp_path, in_two):
    """When asked to stop, both processes agree on the step."""
    short = ("train.steps=20",)
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    process, log = in_two(cut, *short)
    wait_for(lambda: (cut / "checkpoints" / "step-00000003").is_dir() or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    assert process.wait(400) == 75, log.read_text()
    again = subprocess.run(
        [Path(sys.executable).with_name("ssmtl"), "run", "--resume", cut], capture_output=True, text=True, timeout=400
    )
    assert again.returncode == 0, again.stderr
    process, log = in_two(whole, *short)  # not beside the other, which would be four processes at a time
    assert process.wait(400) == 0, log.read_text()
    assert_same(whole, cut)
    shutil.rmtree(cut)
