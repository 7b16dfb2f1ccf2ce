"""SIGTERM and SIGINT save and stop; only one process works on a folder."""

import json
import signal
import threading
import time

import pytest
from children import assert_same, command, killed_at, tiny


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_at_once_and_can_be_resumed(number, whole, tmp_path):
    """It is asked when an early step is logged; the next checkpoint would be ten minutes away."""
    cut, log = tmp_path / "cut", tmp_path / "log"
    arguments = [*tiny("multimix", "train.checkpoint_every=10 minutes"), "--out", cut]
    stopped = command(arguments, log, first=killed_at("metrics.jsonl", 4, number))
    assert stopped.code == 75
    assert f"resume it with: ssmtl run --resume {cut}" in stopped.out.replace("\n", "")
    (saved,) = (cut / "checkpoints").iterdir()
    assert saved.name in ("step-00000002", "step-00000003")
    assert not (cut / "results.json").exists()
    again = command(["run", "--resume", cut], log)
    assert again.code == 0, again.out
    run, _ = whole("multimix", "train.checkpoint_every=10 minutes")
    assert_same(run, cut)


def test_a_second_interrupt_ends_at_once(tmp_path):
    twice = killed_at("metrics.jsonl", 4, signal.SIGINT)

    def first():
        twice()
        killed_at("checkpoints", 2, signal.SIGINT)()

    ended = command([*tiny("multimix"), "--out", tmp_path / "run"], tmp_path / "log", first=first)
    assert ended.code == -signal.SIGINT


def test_two_runs_on_one_folder(whole, tmp_path):
    """The second is refused, and the first is not affected."""
    cut, log = tmp_path / "cut", tmp_path / "log"
    arguments = [*tiny("multimix"), "--out", cut, "--resume", "auto"]
    first = []
    thread = threading.Thread(target=lambda: first.append(command(arguments, log)))
    thread.start()
    until = time.monotonic() + 60
    while not (cut / "metrics.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.01)
    second = command(arguments, tmp_path / "second")
    thread.join()
    assert second.code == 2
    assert "another process is working on" in second.out
    assert first[0].code == 0, first[0].out
    assert_same(whole("multimix")[0], cut)


def test_a_finished_run_is_left_alone(whole, tmp_path):
    run, _ = whole("multimix")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "report.html"}
    for arguments in (["run", "--resume", run], [*tiny("multimix"), "--out", run, "--resume", "auto"]):
        ended = command(arguments, tmp_path / "log")
        assert ended.code == 0
        assert "is finished" in ended.out.replace("\n", " ")
    assert before == {path: path.read_bytes() for path in before}


def test_auto_finds_the_unfinished_run_of_this_recipe(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    killed = command(tiny("multimix"), "log", first=killed_at("checkpoints", 20))
    assert killed.code == -9
    other = command([*tiny("multimix", "seed=1"), "--resume", "auto"], "log", first=killed_at("checkpoints", 20))
    assert other.code == -9
    again = command([*tiny("multimix"), "--resume", "auto"], "log")
    assert again.code == 0, again.out
    runs = sorted((tmp_path / "runs" / "multimix").iterdir())
    assert len(runs) == 2
    assert [(run / "results.json").is_file() for run in runs] == [True, False]
    assert_same(whole("multimix")[0], runs[0])


def test_by_the_clock(tmp_path):
    """With an interval below a millisecond there is a checkpoint after every step."""
    run = tmp_path / "run"
    settings = ("train.checkpoint_every=0.00001 minutes", "train.keep_checkpoints=100", "train.steps=5")
    ended = command([*tiny("umtl", *settings), "--out", run], tmp_path / "log")
    assert ended.code == 0, ended.out
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        f"step-0000000{step}" for step in range(1, 6)
    ]


@pytest.mark.slow
def test_no_step_is_logged_twice_and_none_is_missing(tmp_path):
    cut, log = tmp_path / "cut", tmp_path / "log"
    for count in (18, 25, 40, None):
        first = None if count is None else killed_at("metrics.jsonl", count)
        ended = command([*tiny("multimix"), "--out", cut, "--resume", "auto"], log, first=first)
    assert ended.code == 0, ended.out
    lines = [json.loads(line) for line in (cut / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == list(range(1, 13))
    validations = [line["step"] for line in lines if line["event"] == "evaluated" and line["part"] == "validation"]
    assert validations == [4, 8, 12]
