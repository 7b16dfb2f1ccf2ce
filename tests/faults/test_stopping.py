"""SIGTERM and SIGINT save and stop; only one process works on a folder."""

import json
import signal
import threading
import time
from datetime import datetime
from types import SimpleNamespace

import pytest
from children import assert_same, command, killed_at, tiny


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
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


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGINT])
@pytest.mark.parametrize(
    "place", [*(pytest.param(one, marks=pytest.mark.slow) for one in ("jsrt", "cut/")), "metrics.jsonl"]
)
def test_asked_to_stop_before_its_first_step(place, number, whole, tmp_path, monkeypatch):
    """While data is prepared, the folder is written, or the model is moved: 75 as later, and the same command works."""
    if place == "jsrt":  # in the cache, which this run builds
        monkeypatch.setenv("SSMTL_CACHE", str(tmp_path / "cache"))
        place = "/cache/"
    cut, log = tmp_path / "cut", tmp_path / "log"
    arguments = [*tiny("multimix"), "--out", cut, "--resume", "auto"]
    stopped = command(arguments, log, first=killed_at(place, 1, number))
    assert stopped.code == 75, stopped.out
    assert "Traceback" not in stopped.out
    assert "Internal" not in stopped.out
    again = command(arguments, log)
    assert again.code == 0, again.out
    assert_same(whole("multimix")[0], cut)


@pytest.mark.parametrize(
    "place",
    [*(pytest.param(one, marks=pytest.mark.slow) for one in ("split.json", "environment.json")), ".recipe.yaml.part"],
)
def test_killed_before_the_recipe_is_written_it_can_be_started_again(place, whole, tmp_path):
    cut, log = tmp_path / "cut", tmp_path / "log"
    killed = command([*tiny("multimix"), "--out", cut], log, first=killed_at(place, 1))
    assert killed.code == -9
    assert cut.is_dir()
    assert not (cut / "recipe.yaml").exists()
    resumed = command(["run", "--resume", cut], log)
    assert resumed.code == 2
    assert "holds no run to resume" in resumed.out
    again = command([*tiny("multimix"), "--out", cut], log)
    assert again.code == 0, again.out
    assert_same(whole("multimix")[0], cut)


@pytest.mark.slow
def test_runs_that_start_in_the_same_second_have_their_own_folders(tmp_path, monkeypatch):
    import datetime

    from ssmtl.api import run_place

    monkeypatch.chdir(tmp_path)

    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2030, 1, 2, 3, 4, 5, tzinfo=tz)

    monkeypatch.setattr(run_place, "datetime", Stopped)
    ended = []
    threads = [
        threading.Thread(target=lambda log=log: ended.append(command(tiny("umtl", "train.steps=2"), log)))
        for log in ("log1", "log2", "log3")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.code for one in ended] == [0, 0, 0], [one.out for one in ended]
    runs = sorted((tmp_path / "runs" / "umtl").iterdir())
    assert [path.name for path in runs] == ["20300102-030405", "20300102-030405-2", "20300102-030405-3"]
    assert all((path / "results.json").is_file() for path in runs)


def test_a_run_that_fails_at_once_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = command(tiny("umtl", "train.device=mps"), "log")
    assert ended.code == 2, ended.out
    assert not list((tmp_path / "runs").rglob("2*"))


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


def test_auto_takes_no_other_recipes_run_of_the_same_second(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kill = killed_at("checkpoints", 6)

    def first():
        import ssmtl.api.run_place

        ssmtl.api.run_place.datetime = SimpleNamespace(now=lambda: datetime(2026, 1, 2))
        kill()

    for seed in (0, 1):
        assert command([*tiny("multimix", f"seed={seed}"), "--resume", "auto"], "log", first=first).code == -9
    names = sorted(run.name for run in (tmp_path / "runs" / "multimix").iterdir())
    assert names == ["20260102-000000", "20260102-000000-2"]


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
