"""Run folders, suites, splits and images from other people lead nowhere and make nothing wait."""

import json
import os
import shutil
import stat

import numpy as np
import pytest
from children import command, tiny

from ssmtl import DataError, Folders
from ssmtl.errors import RunError
from ssmtl.reports.run.finished_run import FinishedRun
from ssmtl.runs.folder import RunFolder
from ssmtl.suite.results import read_results
from ssmtl.suite.tables import write_tables
from ssmtl_sources.plain_folders import PlainFolders
from tests.suite.made_up_suite import made_up_suite

PATIENCE = 180
"""Seconds after which a command that should end at once counts as hanging."""

PLACES = (
    "report.html", ".report.html.part", ".lock", "figures", "figures/losses.png", "predictions",
    "predictions/lungs.in_domain.npz", "weights", "weights/best.safetensors", "checkpoints",
    "checkpoints/step-00000009", "checkpoints/step-00000012/state.safetensors", "nonfinite", "metrics.jsonl",
    "per_image.csv", "environment.json", "results.json", "recipe.yaml", "split.json", "unknown",
)  # fmt: skip
COMMANDS = (
    lambda run: ["report", run],
    lambda run: ["evaluate", run],
    lambda run: ["run", "--resume", run],
    lambda run: [*tiny("multimix"), "--out", run, "--resume", "auto"],
)


@pytest.fixture
def run(whole, tmp_path):
    """A finished run that one can change."""
    return shutil.copytree(whole("multimix")[0], tmp_path / "run")


def content_of(folder):
    """Of every file, also with its mode; of links, where they lead."""
    return {
        path.relative_to(folder): os.readlink(path) if path.is_symlink() else (path.stat().st_mode, read(path))
        for path in sorted(folder.rglob("*"))
    }


def read(path):
    return path.read_bytes() if path.is_file() else None


def refused(arguments, tmp_path, *said):
    """It ends at once, with one error, exit code 2 and no traceback."""
    ended = command(arguments, tmp_path / "log", after=PATIENCE)
    assert ended.code == 2, (ended.code, ended.out)
    assert ended.out.count("Error: ") == 1, ended.out
    for words in ("Traceback", "Internal"):
        assert words not in ended.out, ended.out
    for words in said:
        assert words in ended.out.replace("\n", ""), ended.out


def emptied(path):
    """Remove what is there, so that a link can take its place."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)


@pytest.mark.parametrize(("place", "number"), [(place, number % len(COMMANDS)) for number, place in enumerate(PLACES)])
def test_a_link_in_a_run_folder_is_not_followed(place, number, run, tmp_path):
    victim = tmp_path / "victim"
    if (run / place).is_dir():
        shutil.copytree(run / place, victim)
    else:
        victim.mkdir()
        (victim / "file").write_bytes(read(run / place) or b"mine")
    target = victim if (run / place).is_dir() or place == "unknown" else victim / "file"
    emptied(run / place)
    (run / place).symlink_to(target)
    before = content_of(victim)
    refused(COMMANDS[number](run), tmp_path, f"{run / place} is a link", "Remove it")
    assert content_of(victim) == before
    assert (run / place).is_symlink()


@pytest.mark.parametrize(
    ("number", "place"), [*enumerate([".report.html.part", "weights/best.safetensors", "split.json", "metrics.jsonl"])]
)
def test_a_named_pipe_in_a_run_folder_makes_nothing_wait(number, place, run, tmp_path):
    emptied(run / place)
    os.mkfifo(run / place)
    refused(COMMANDS[number](run), tmp_path, f"{run / place} is a named pipe")


def test_an_unfinished_run_is_not_resumed_through_a_link(run, tmp_path):
    """The oldest checkpoint would be removed, the log cut, the weights put back."""
    (run / "results.json").unlink()
    shutil.move(run / "checkpoints", tmp_path / "victim")
    (run / "checkpoints").symlink_to(tmp_path / "victim")
    before = content_of(tmp_path / "victim")
    refused([*tiny("multimix"), "--out", run, "--resume", "auto"], tmp_path, "checkpoints is a link")
    assert content_of(tmp_path / "victim") == before


def test_a_new_run_does_not_begin_in_a_folder_with_a_link(tmp_path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights").symlink_to(tmp_path / "victim")
    refused([*tiny("multimix"), "--out", tmp_path / "run"], tmp_path, "weights is a link")
    assert not list((tmp_path / "victim").iterdir())


def test_a_link_to_the_run_folder_itself_is_followed(run, tmp_path):
    (tmp_path / "latest").symlink_to(run)
    ended = command(["report", tmp_path / "latest"], tmp_path / "log")
    assert ended.code == 0, ended.out


def test_a_colleague_may_read_a_whole_run(run):
    """Everything is as readable as the umask of the tests allows."""
    mask = os.umask(0)
    os.umask(mask)
    for path in run.rglob("*"):
        usual = 0o777 if path.is_dir() else 0o666
        if path.name != ".lock":
            assert stat.S_IMODE(path.stat().st_mode) == usual & ~mask, path


@pytest.mark.parametrize("where", ["a recipe's split", "a run folder"])
def test_a_domain_in_a_split_leads_nowhere(where, run, tmp_path):
    content = json.loads((run / "split.json").read_text())
    content["tasks"]["lungs"]["test"]["/../../x"] = content["tasks"]["lungs"]["test"].pop("in_domain")
    if where == "a run folder":
        (run / "results.json").unlink()
        (run / "split.json").write_text(json.dumps(content))
        arguments = ["run", "--resume", run]
    else:
        (tmp_path / "split.json").write_text(json.dumps(content))
        arguments = [*tiny("multimix", f"split={tmp_path / 'split.json'}"), "--out", tmp_path / "new"]
    before = content_of(run)
    refused(arguments, tmp_path, "split.json: tasks.lungs.test: the name '/../../x' should consist of up to 60 letters")
    assert content_of(run) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "", "x" * 61])
def test_tasks_and_domains_in_a_split_are_names(name, run):
    tasks = json.loads((run / "split.json").read_text())["tasks"]
    task = tasks["lungs"]
    tests = {**task, "test": {name: task["test"]["in_domain"]}}
    for changed, key in (({**tasks, name: task}, "tasks"), ({**tasks, "lungs": tests}, "tasks.lungs.test")):
        (run / "split.json").write_text(json.dumps({"tasks": changed}))
        with pytest.raises(RunError, match=f"split.json: {key}: the name '{name}' should consist of"):
            RunFolder(run).read_split()


@pytest.mark.parametrize("column", ["sources", "domain", "task", "cell"])
def test_what_becomes_a_path_in_a_suite_is_a_name(column, tmp_path):
    suite = made_up_suite(tmp_path / "suite")
    header, first, *rest = (suite / "results.csv").read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = "../../x"
    (suite / "results.csv").write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    with pytest.raises(RunError, match=rf"results.csv cannot be read: .*the {column} ../../x is not the name"):
        write_tables(suite)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("place", ["tables", "results.csv", "cells/enc_100_made_s0_0000/per_image.csv"])
def test_a_link_in_a_suite_is_not_followed(place, tmp_path):
    suite = made_up_suite(tmp_path / "suite")
    victim = tmp_path / "victim"
    if (suite / place).exists():
        shutil.move(suite / place, victim)
    else:
        victim.mkdir()
    (suite / place).symlink_to(victim)
    with pytest.raises(RunError, match=f"{place} is a link"):
        read_results(suite)
    refused(["report", suite], tmp_path, f"{place} is a link")


@pytest.mark.parametrize("place", ["results.csv", "cells.csv", "suite.json"])
def test_a_named_pipe_in_a_suite_makes_nothing_wait(place, tmp_path):
    suite = made_up_suite(tmp_path / "suite")
    emptied(suite / place)
    os.mkfifo(suite / place)
    with pytest.raises(RunError, match=f"{place} is a named pipe"):
        write_tables(suite)


def test_published_numbers_from_a_named_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    suite = made_up_suite(tmp_path / "suite", reference=str(tmp_path / "pipe.csv"))
    with pytest.raises(DataError, match=r"published numbers .*pipe.csv cannot be read: .*a named pipe"):
        write_tables(suite)


@pytest.mark.parametrize("kind", ["a named pipe", "a device"])
def test_wherever_a_file_is_named_a_pipe_or_device_is_refused(kind, tmp_path, make_images):
    images = make_images(tmp_path / "images")
    path = tmp_path / "pipe"
    if kind == "a named pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    data = ["--data-root", tmp_path]
    refused(["check", path], tmp_path, str(path))
    refused(["check", images.recipe, "--sources", path], tmp_path, str(path))
    refused(["check", images.recipe, "--plugin", path], tmp_path, str(path))
    refused(["bench", "run", path], tmp_path, f"{path}: cannot be read", kind)
    refused(["run", images.recipe, *data, "--set", f"split={path}"], tmp_path, f"{path} cannot be read", kind)
    emptied(images.paths[3])
    os.rename(path, images.paths[3])
    refused(["run", images.recipe, *data], tmp_path, f"{images.paths[3].name} cannot be read", kind)
    manifest = ["sources.images={use: manifest, root: images, label: label}"]
    os.rename(images.paths[3], tmp_path / "images" / "manifest.csv")
    refused(
        ["run", images.recipe, *data, "--set", *manifest], tmp_path, "manifest.csv cannot be read", kind
    )  # fmt: skip


def test_an_image_that_is_a_link_may_lead_anywhere(tmp_path, make_images):
    images = make_images(tmp_path / "images")
    shutil.move(images.paths[0], tmp_path / "elsewhere.png")
    images.paths[0].symlink_to(tmp_path / "elsewhere.png")
    ended = command(["run", images.recipe, "--out", tmp_path / "run", "--data-root", tmp_path], tmp_path / "log")
    assert ended.code == 0, ended.out
    images.paths[0].unlink()
    images.paths[0].symlink_to(tmp_path / "nowhere")
    refused(
        ["run", images.recipe, "--out", tmp_path / "new", "--data-root", tmp_path], tmp_path,
        f"{images.paths[0]} cannot be read: No such file",
    )  # fmt: skip


def test_a_report_reads_yaml_within_bounds(run):
    """The name comes from the recipe if there are no results, and the recipe may be a bomb."""
    (run / "results.json").unlink()
    bomb = "name: bomb\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
    )
    for text, name in (
        ("name: mine", "mine"),
        (bomb, "run"),
        ("[" * 20_000, "run"),
        ("!!python/name:os.system", "run"),
    ):
        (run / "recipe.yaml").write_text(text)
        assert FinishedRun.read(run).name == name


def test_a_pattern_that_never_ends_is_stopped(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setattr("ssmtl_sources.patient_pattern.SECONDS", 1.0)
    (tmp_path / "ill").mkdir()
    for name in ("a" * 40 + "!", "aab"):
        Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "ill" / f"{name}.png")
    with pytest.raises(DataError, match=r"patient '\(a\+\)\+b' takes more than 1 s for the 2 names in "):
        PlainFolders(Folders(tmp_path), root=".", patient="(a+)+b").examples()
    with pytest.raises(DataError, match=r"!.png: patient '\^\(a\+b\)' does not match 'a"):
        PlainFolders(Folders(tmp_path), root=".", patient="^(a+b)").examples()
    examples = PlainFolders(Folders(tmp_path), root=".", patient="^(a)").examples()
    assert [example.patient for example in examples] == ["a", "a"]
