"""`ssmtl bench` in real processes: what runs, what is not run again, and what survives a failure."""

import json
import os
import random
import re
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from small_suite import GRID, TINY, bench, stable, started, suite_file, table

import ssmtl
from ssmtl.errors import RunError
from ssmtl.suite.suite_file import read_suite
from ssmtl.suite.suite_run import SuiteRun

OUT = ("--out", "out")
FAILING = {"lost": {"recipe": "enc", "set": {"optimizer.lr": 1e30, "train.steps": 40}}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The small suite, run without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    path = suite_file(folder)
    code, out, err = bench("run", path, *OUT, cwd=folder)
    assert code == 0, err
    return folder, out


def results(folder):
    """The bytes of its rows, without the commit, which says whether files were edited meanwhile."""
    return re.sub(rb",[0-9a-f]{40}\+?,", b",commit,", (folder / "out" / "results.csv").read_bytes())


def cell_times(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "out" / "cells").glob("*/results.json")}


def test_a_row_for_each_metric_of_each_cell(whole):
    folder, out = whole
    rows = table(folder / "out" / "results.csv")
    assert {(row["system"], row["seed"]) for row in rows} == {(s, n) for s in ("enc", "umtl") for n in ("0", "1")}
    for row in rows:
        cell = folder / "out" / "cells" / row["cell"]
        found = json.loads((cell / "results.json").read_text(encoding="utf-8"))
        value = found["tasks"][row["task"]][row["domain"]][row["metric"]]
        assert row["value"] == ("" if value is None else f"{value:.6g}")
        assert row["recipe_hash"] == found["recipe_hash"]
        assert row["budgets"] == ("diagnosis=12" if row["system"] == "enc" else "diagnosis=12 lungs=6")
        assert row["labeled"] == {"diagnosis": "12", "lungs": "6"}[row["task"]]
    assert [row["status"] for row in table(folder / "out" / "cells.csv")] == ["finished"] * 4
    assert "4/4 finished" in out
    for name in ("report.html", "tables/summary.csv"):
        assert (folder / "out" / name).stat().st_size > 0


def test_systems_of_one_seed_learn_from_the_same_labels(whole):
    folder, _ = whole
    splits = {}
    for path in (folder / "out" / "cells").glob("*/split.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        splits.setdefault(found["seed"], []).append(found["tasks"]["diagnosis"])
    assert [len(found) for found in splits.values()] == [2, 2]
    assert all(one == other for one, other in splits.values())
    assert splits[0][0] != splits[1][0]


def test_run_again_it_does_nothing(whole):
    folder, _ = whole
    before = cell_times(folder)
    code, out, _ = bench("run", folder / "small.yaml", *OUT, cwd=folder)
    assert (code, cell_times(folder)) == (0, before)
    assert "nothing to do" in out


@pytest.mark.slow
def test_a_further_question_of_finished_cells_is_answered_without_running_them(whole, tmp_path):
    """And a seed less is in the tables too."""
    folder = shutil.copytree(whole[0], tmp_path / "whole")
    before = cell_times(folder)
    asked = {"system": "umtl", "against": {"diagnosis": ["enc"]}, "metrics": {"diagnosis": ["accuracy"]}}
    code, out, err = bench("run", suite_file(folder, compare=[asked]), *OUT, cwd=folder)
    assert (code, cell_times(folder)) == (0, before), err
    assert "nothing to do" not in out
    assert {row["against"] for row in table(folder / "out" / "tables" / "significance.csv")} == {"enc"}
    code, out, err = bench("run", suite_file(folder, seeds=[0]), *OUT, cwd=folder)
    assert code == 0, err
    assert {row["n"] for row in table(folder / "out" / "tables" / "summary.csv")} == {"1"}
    _, out, _ = bench("run", folder / "small.yaml", *OUT, "--dry-run", cwd=folder)
    assert "0 of 2 cells to run: all are finished" in out


def test_a_report_is_not_up_to_date_with_other_cells_an_older_record_or_none(whole, tmp_path):
    folder = shutil.copytree(whole[0], tmp_path / "whole")
    names = [row["cell"] for row in table(folder / "out" / "cells.csv")]
    file = suite_file(folder)
    run = SuiteRun(read_suite(file), file, folder / "out", tuple(SimpleNamespace(name=name) for name in names))
    assert run.is_reported()
    assert not replace(run, cells=run.cells[1:]).is_reported()
    report = folder / "out" / "report.html"
    os.utime(report, (0, 0))  # as if the process had been killed before it wrote the report
    assert not run.is_reported()
    os.utime(report)
    rows = folder / "out" / "results.csv"
    content = rows.read_bytes()
    for lost in (content[:2000], b"", b"".join(content.splitlines(keepends=True)[:-1])):
        rows.write_bytes(lost)
        assert not run.is_reported()
    rows.write_bytes(content)
    assert run.is_reported()
    cell = next((folder / "out" / "cells").glob("enc*/results.json"))
    damaged = json.loads(cell.read_text(encoding="utf-8"))
    content = cell.read_bytes()
    cell.write_text(json.dumps({**damaged, "metrics": {}}), encoding="utf-8")
    assert not run.is_reported()
    cell.write_bytes(content)
    (folder / "out" / "tables" / "summary.csv").rename(folder / "summary.csv")
    assert not run.is_reported()
    (folder / "summary.csv").rename(folder / "out" / "tables" / "summary.csv")
    (folder / "out" / "suite.json").unlink()
    assert not run.is_reported()


def test_what_was_finished_and_is_no_longer_asked_for_is_counted(whole):
    folder = whole[0]
    file = suite_file(folder)
    names = [row["cell"] for row in table(folder / "out" / "cells.csv")]
    cells = tuple(SimpleNamespace(name=name) for name in names)
    run = SuiteRun(read_suite(file), file, folder / "out", cells)
    assert run.no_longer_asked() == 0
    assert replace(run, cells=cells[1:]).no_longer_asked() == 1


@pytest.mark.parametrize("command", [["--dry-run"], []])
def test_the_folder_of_another_suite_is_refused(whole, tmp_path, command):
    before = results(whole[0])
    file = suite_file(tmp_path, name="other")
    code, _, err = bench("run", file, "--out", whole[0] / "out", *command, cwd=tmp_path)
    assert (code, results(whole[0])) == (2, before)
    assert "is the folder of the suite 'small', not of 'other'; name another with --out" in err


def test_rows_that_a_finished_suite_lost_are_written_anew(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    path = tmp_path / "out" / "results.csv"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    code, _, err = bench("run", tmp_path / "small.yaml", *OUT, cwd=tmp_path)
    assert code == 0, err
    assert results(tmp_path) == results(whole[0])


def test_rows_that_were_edited_reach_no_table(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    path, tables = tmp_path / "out" / "results.csv", tmp_path / "out" / "tables"
    before = {one.name: one.read_bytes() for one in tables.iterdir()}
    path.write_text(re.sub(r",auroc,true,,[0-9.]+,", ",auroc,true,,0.99,", path.read_text()))
    with pytest.raises(RunError, match="was changed or cut"):
        ssmtl.report(tmp_path / "out")
    assert {one.name: one.read_bytes() for one in tables.iterdir()} == before


def test_a_finished_cell_without_results_is_named(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    next((tmp_path / "out" / "cells").glob("enc*/results.json")).unlink()
    code, _, err = bench("run", tmp_path / "small.yaml", *OUT, cwd=tmp_path)
    assert code == 2
    assert "Remove the folder out/cells/enc" in " ".join(err.split())


def test_asked_to_stop_it_keeps_what_has_begun(tmp_path):
    process = started("run", suite_file(tmp_path, set={**TINY, "train.steps": 4000}), *OUT, cwd=tmp_path)
    while not list((tmp_path / "out" / "cells").glob("*/recipe.yaml")):
        assert process.poll() is None
        time.sleep(0.1)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert "the same command goes on" in err


def test_a_recipe_beside_the_suite_is_asked_for_by_its_file(tmp_path):
    (tmp_path / "own.yaml").write_text("extends: enc\nname: own\n", encoding="utf-8")
    path = suite_file(tmp_path, grids=[{**GRID, "systems": ["own"]}])
    code, _, err = bench("run", path, *OUT, cwd=tmp_path)
    assert code == 2
    assert "own: no shipped recipe; the file beside the suite is 'own.yaml'" in err


def test_status_counts_the_cells(whole):
    folder, _ = whole
    code, out, _ = bench("status", folder / "small.yaml", *OUT, cwd=folder)
    assert code == 0
    assert "4 cells: 4 finished, 0 failed, 0 running, 0 waiting" in out


def test_compare_prints_both_systems(whole):
    folder, _ = whole
    code, out, _ = bench("compare", "enc", "umtl", "--suite", "out", cwd=folder)
    assert code == 0
    assert "AUROC" in out
    code, _, err = bench("compare", "enc", "umtll", "--suite", "out", cwd=folder)
    assert (code, "did you mean 'umtl'" in err) == (2, True)


@pytest.mark.slow
def test_rows_do_not_depend_on_how_many_run_at_a_time(whole, tmp_path):
    assert bench("run", suite_file(tmp_path), *OUT, "--jobs", "1", cwd=tmp_path)[0] == 0
    assert results(tmp_path) == results(whole[0])
    assert stable(tmp_path / "out" / "cells.csv") == stable(whole[0] / "out" / "cells.csv")


@pytest.mark.parametrize("only", ["enc", "The encoder"])
def test_a_dry_run_trains_nothing_and_estimates_the_time(tmp_path, only):
    path = suite_file(tmp_path, names={"enc": "The encoder"})
    code, out, _ = bench("run", path, "--dry-run", "--only", only, cwd=tmp_path)
    assert code == 0
    assert "2 of 2 cells to run" in out
    assert "about 1 min for the training steps" in out
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


def test_a_dry_run_with_too_many_labels_is_refused_as_a_run_is(tmp_path):
    grid = {"systems": ["enc"], "budgets": {"diagnosis": [5000]}}
    code, out, err = bench("run", suite_file(tmp_path, grids=[grid]), "--dry-run", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "task 'diagnosis': labeled: 5000 images are wanted" in err


@pytest.mark.slow
def test_only_accepts_systems_and_cells_and_refuses_what_matches_none(tmp_path):
    path = suite_file(tmp_path)
    code, _, err = bench("run", path, *OUT, "--only", "encc", cwd=tmp_path)
    assert (code, "did you mean 'enc'" in err, (tmp_path / "out").exists()) == (2, True, False)
    assert bench("run", path, *OUT, "--only", "enc*_s0_*", cwd=tmp_path)[0] == 0
    assert [row["status"] for row in table(tmp_path / "out" / "cells.csv")] == ["finished"] + ["waiting"] * 3
    assert {row["cell"][:14] for row in table(tmp_path / "out" / "results.csv")} == {"enc_12_phantom"}


@pytest.mark.slow
def test_a_failed_cell_is_recorded_the_others_run_and_it_is_tried_again(tmp_path):
    grid = {"systems": ["lost", "enc"], "budgets": {"diagnosis": [12]}}
    path = suite_file(tmp_path, grids=[grid], variants=FAILING, seeds=[0])
    code, out, _ = bench("run", path, *OUT, "--jobs", "1", cwd=tmp_path)
    assert code == 3
    assert "1 cell failed" in out
    lost, enc = table(tmp_path / "out" / "cells.csv")
    assert (lost["status"], enc["status"]) == ("failed", "finished")
    assert "not finite" in lost["error"]
    assert {row["system"] for row in table(tmp_path / "out" / "results.csv")} == {"enc"}
    assert "not finite" in bench("status", path, *OUT, cwd=tmp_path)[1]
    before = cell_times(tmp_path)
    assert bench("run", path, *OUT, cwd=tmp_path)[0] == 3
    assert cell_times(tmp_path) == before


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_only_its_cell(tmp_path):
    path = suite_file(tmp_path, seeds=[0], set={**TINY, "train.steps": 400})
    suite = started("run", path, *OUT, "--jobs", "1", cwd=tmp_path)
    os.kill(worker_of(suite, tmp_path), signal.SIGKILL)
    assert suite.wait(timeout=300) == 3
    suite.communicate()
    first, second = table(tmp_path / "out" / "cells.csv")
    assert (first["status"], second["status"]) == ("failed", "finished")
    assert "signal 9" in first["error"]


def worker_of(suite, folder):
    """The process that trains the first cell of the suite, forked from a child of the suite; waits until it trains."""
    for _ in range(900):
        if list((folder / "out" / "cells").glob("*/metrics.jsonl")):
            break
        time.sleep(0.1)
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    (worker,) = [pid for pid, parent in parents.items() if parents.get(parent) == suite.pid]
    return worker


@pytest.mark.slow
def test_a_cell_that_another_process_holds_is_left_to_it(tmp_path):
    path = suite_file(tmp_path, seeds=[0])
    (tmp_path / "out" / "cells").mkdir(parents=True)
    assert bench("run", path, *OUT, "--only", "umtl", cwd=tmp_path)[0] == 0
    waiting = next(row["cell"] for row in table(tmp_path / "out" / "cells.csv") if row["status"] == "waiting")
    with FileLock(tmp_path / "out" / "cells" / f".{waiting}.lock"):
        assert "1 running" in bench("status", path, *OUT, cwd=tmp_path)[1]
        suite = started("run", path, *OUT, cwd=tmp_path)
        time.sleep(8)
        assert suite.poll() is None
        assert not (tmp_path / "out" / "cells" / waiting).exists()
    assert suite.wait(timeout=120) == 0
    suite.communicate()
    assert [row["status"] for row in table(tmp_path / "out" / "cells.csv")] == ["finished"] * 2


@pytest.mark.slow
def test_two_suites_on_one_folder_share_the_work(whole, tmp_path):
    path = suite_file(tmp_path)
    both = [started("run", path, *OUT, "--jobs", "1", cwd=tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=400)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert results(tmp_path) == results(whole[0])
    trained = [line for out in said for line in out.splitlines() if " finished " in line and "/" in line]
    assert len(trained) >= 4
    logs = [path.read_text() for path in (tmp_path / "out" / "logs").iterdir()]
    assert not any("Traceback" in log for log in logs)


@pytest.mark.slow
def test_killed_at_five_random_moments_it_ends_with_the_same_rows(whole, tmp_path):
    path = suite_file(tmp_path)
    moment = random.Random(0)
    for _ in range(5):
        suite = started("run", path, *OUT, cwd=tmp_path)
        time.sleep(moment.uniform(2.5, 6))
        suite.kill()
        suite.communicate()
    code, _, err = bench("run", path, *OUT, cwd=tmp_path)
    assert code == 0, err
    assert results(tmp_path) == results(whole[0])
    assert stable(tmp_path / "out" / "cells.csv") == stable(whole[0] / "out" / "cells.csv")


@pytest.mark.slow
def test_on_ray_the_rows_are_the_same_and_a_killed_worker_costs_a_retry(whole, tmp_path):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    path = suite_file(tmp_path)
    suite = started("run", path, *OUT, "--executor", "ray", cwd=tmp_path)
    for _ in range(900):
        holder = ray_worker(suite)
        if holder and list((tmp_path / "out" / "cells").glob("*/metrics.jsonl")):
            os.kill(holder, signal.SIGKILL)
            break
        time.sleep(0.1)
    else:
        raise AssertionError("no Ray worker to kill")
    out, err = suite.communicate(timeout=400)
    assert suite.returncode == 0, out + err
    assert results(tmp_path) == results(whole[0])
    assert stable(tmp_path / "out" / "cells.csv") == stable(whole[0] / "out" / "cells.csv")


def ray_worker(suite):
    """The parent of a process that trains a cell, below a Ray that the suite started."""
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and "ssmtl.suite.worker" in Path(f"/proc/{name}/cmdline").read_text():
                parent = int(Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[1])
                if "ray::" in Path(f"/proc/{parent}/cmdline").read_text():
                    return parent
        except OSError:
            continue
    return None


def test_without_the_extra_ray_is_named(tmp_path, monkeypatch):
    import sys

    from ssmtl import SsmtlError
    from ssmtl.suite.on_ray import RayCluster

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SsmtlError, match=r"ssmtl\[ray\]"):
        RayCluster(1, 1, None)


def test_a_grid_of_an_unknown_system_names_the_nearest(tmp_path):
    path = suite_file(tmp_path, grids=[{**GRID, "systems": ["umtl_z"]}])
    code, _, err = bench("run", path, *OUT, cwd=tmp_path)
    assert (code, "did you mean" in err, (tmp_path / "out").exists()) == (2, True, False)
