"""Nobody who trained or selected is scored, whatever a source is called, and nothing changes under a run unseen."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from children import command, killed_at, without_report
from PIL import Image
from safetensors.torch import load_file, save_file

from ssmtl import Folders
from ssmtl.registry.plugins import load_plugins
from ssmtl.suite.cell import outcome_of
from ssmtl.suite.grid import cells_of
from ssmtl.suite.suite_file import read_suite
from ssmtl.suite.work import FAILED, Work
from ssmtl.suite.worker import work_on

ROOT = Path(__file__).parents[2]
RECIPE = {
    "name": "own",
    "image": {"size": 32, "channels": 1},
    "backbone": {"use": "multimix_encoder", "widths": [4, 4, 8]},
    "tasks": {
        "diagnosis": {
            "source": "labels",
            "labeled": 8,
            "batch": 4,
            "evaluate_on": {"in_domain": "labels"},
            "head": {"use": "pooled_linear", "classes": ["healthy", "ill"]},
            "augment": {"weak": {"use": "identity"}},
            "strategies": [{"use": "cross_entropy"}],
            "metrics": ["accuracy"],
        },
        "lungs": {
            "source": "masks",
            "labeled": 6,
            "batch": 4,
            "evaluate_on": {"in_domain": "masks"},
            "head": {"use": "multimix_decoder", "classes": ["lung"]},
            "augment": {"weak": {"use": "identity"}},
            "strategies": [{"use": "soft_dice"}],
            "metrics": ["dice"],
        },
    },
    "train": {"steps": 4, "evaluate_every": 2, "log_every": 1, "checkpoint_every": 1, "device": "cpu"},
}


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["image", "diagnosis", "lung", "patient"], *rows])


class Set:
    """Sixty images of thirty patients with a class and a mask each, in a manifest; both tasks read it, by two names."""

    def __init__(self, folder):
        self.folder = folder / "set"
        (self.folder / "masks").mkdir(parents=True)
        stream = np.random.default_rng(0)
        self.rows = []
        for number in range(60):
            Image.fromarray(stream.integers(0, 255, (32, 32), np.uint8)).save(self.folder / f"{number}.png")
            mask = np.zeros((32, 32), np.uint8)
            mask[4 : 20 + number % 8, 6:24] = 255
            Image.fromarray(mask).save(self.folder / "masks" / f"{number}.png")
            label = ("healthy", "ill")[number // 2 % 2]
            self.rows.append([f"{number}.png", label, f"masks/{number}.png", f"p{number // 2}"])
        self.write(self.rows)
        entry = {"use": "manifest", "root": "set", "patient": "patient"}
        self.sources = {"labels": {**entry, "label": "diagnosis"}, "masks": {**entry, "mask": "lung"}}
        self.recipe = folder / "own.yaml"
        self.recipe.write_text(yaml.safe_dump({**RECIPE, "sources": self.sources}))
        self.run_arguments = ["run", self.recipe, "--data-root", folder]

    def write(self, rows):
        write(self.folder / "manifest.csv", rows)

    def patient(self, image):
        return next(row[3] for row in self.rows if row[0] == image)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    own = Set(folder)
    ended = command([*own.run_arguments, "--out", folder / "run"], folder / "log", first=without_report)
    assert ended.code == 0, ended.out
    return own, folder / "run"


def used(split):
    """(labelled, unlabelled and validation) images of all tasks."""
    return {one for task in split["tasks"].values() for part in ("labeled", "unlabeled", "val") for one in task[part]}


def scored_in(split):
    return {one for task in split["tasks"].values() for domain in task["test"].values() for one in domain["ids"]}


def test_two_sources_over_the_same_images_leak_no_patient(finished):
    own, run = finished
    split = json.loads((run / "split.json").read_text())
    patients = [{own.patient(one) for one in part} for part in (used(split), scored_in(split))]
    assert patients[1]
    assert not patients[0] & patients[1]
    assert sum(task["left_out"]["train"] + task["left_out"]["val"] for task in split["tasks"].values()) > 0
    assert len(split["tasks"]["diagnosis"]["labeled"]) == 8
    said = " ".join((run.parent / "log").read_text().split())
    assert "left out: their patients are in validation or test parts" in said


def evaluated(own, run, *more, data_root=None):
    out = run.parent / "evaluated.json"
    where = ["--data-root", data_root or own.folder.parent]
    ended = command(["evaluate", run, *where, "--out", out, *more], run.parent / "log")
    return ended, json.loads(out.read_text()) if ended.code == 0 else None


@pytest.mark.parametrize("task", ["diagnosis", "lungs"])
@pytest.mark.parametrize("source", ["labels", "masks", "renamed", "moved", "copies", "detours", "links"])
def test_no_pair_of_task_and_source_scores_who_trained(finished, tmp_path, task, source):
    own, run = finished
    split = json.loads((run / "split.json").read_text())
    known = {own.patient(one) for one in used(split)}
    entry = {"use": "manifest", "root": "set", "patient": "patient", "label": "diagnosis", "mask": "lung"}
    if source in ("labels", "masks"):
        entry = {**own.sources[source], "label": "diagnosis", "mask": "lung", "on_error": "skip"}
    elif source == "detours":
        entry.update(root="set/../set", file="detours.csv")
        write(own.folder / "detours.csv", [[f"masks/../{image}", *rest] for image, *rest in own.rows])
    elif source == "links":  # to the images, under other names, and other patients
        entry.update(root=str(tmp_path / "links"), outside=True)
        (tmp_path / "links").mkdir()
        (tmp_path / "links" / "masks").symlink_to(own.folder / "masks")
        for image, *_ in own.rows:
            (tmp_path / "links" / f"link {image}").symlink_to(own.folder / image)
        rows = [[f"link {image}", label, mask, f"q{patient}"] for image, label, mask, patient in own.rows]
        write(tmp_path / "links" / "manifest.csv", rows)
    elif source != "renamed":
        moved = tmp_path / "moved"
        shutil.copytree(own.folder, moved)
        if source == "copies":  # other names for images and patients
            for image, *_ in own.rows:
                (moved / image).rename(moved / f"copy {image}")
            rows = [[f"copy {image}", label, mask, f"q{patient}"] for image, label, mask, patient in own.rows]
            write(moved / "manifest.csv", rows)
        entry["root"] = str(moved)
    sources = tmp_path / "sources.yaml"
    sources.write_text(yaml.safe_dump({source: entry}))
    ended, results = evaluated(own, run, "--sources", sources, "--source", f"{task}={source}")
    assert ended.code == 0, ended.out
    scored = results["counts"][task][source]["images"]
    assert scored == sum(row[3] not in known for row in own.rows)
    assert results["excluded"][task][source] == 60 - scored > 0
    assert f"{task}, {source}: {60 - scored} image" in ended.out


def later_images(own, folder, *copies):
    """A second set of the same patients: another image of each row, and byte-identical copies of some."""
    stream = np.random.default_rng(1)
    rows = [row for row in own.rows if row[0] in copies]
    for image, *_ in rows:
        shutil.copy(own.folder / image, folder / image)
    for image, label, mask, patient in own.rows:
        Image.fromarray(stream.integers(0, 255, (32, 32), np.uint8)).save(folder / f"later {image}")
        rows.append([f"later {image}", label, mask, patient])
    write(folder / "later.csv", rows)
    return rows


@pytest.mark.parametrize("place", ["moved", "elsewhere"])
def test_later_images_of_who_trained_are_not_scored(finished, tmp_path, place):
    """Of the run's own data set, which was moved since; or of a folder that shares its test images alone, and thereby
    shows that it names patients alike.
    """
    own, run = finished
    split = json.loads((run / "split.json").read_text())
    known = {own.patient(one) for one in used(split)}
    name = "set" if place == "moved" else "other"
    shutil.copytree(own.folder, tmp_path / name)
    rows = later_images(own, tmp_path / name, *(() if place == "moved" else scored_in(split)))
    entry = {"use": "manifest", "root": name, "file": "later.csv", "patient": "patient", "label": "diagnosis"}
    sources = tmp_path / "sources.yaml"
    sources.write_text(yaml.safe_dump({"later": entry}))
    more = ["--sources", sources, "--source", "diagnosis=later"]
    ended, results = evaluated(own, run, *more, data_root=tmp_path)
    assert ended.code == 0, ended.out
    scored = results["counts"]["diagnosis"]["later"]["images"]
    assert scored == sum(row[3] not in known for row in rows)
    assert results["excluded"]["diagnosis"]["later"] == len(rows) - scored > 0


@pytest.fixture
def cut(tmp_path):
    """A run that was killed after its second step."""
    own = Set(tmp_path)
    run = tmp_path / "run"
    ended = command([*own.run_arguments, "--out", run], tmp_path / "log", first=killed_at("step-00000003", 1))
    assert ended.code == -9, ended.out
    assert (run / "checkpoints" / "step-00000002").is_dir()
    return own, run


def swap_classes(own, run):
    own.write([[image, {"healthy": "ill", "ill": "healthy"}[label], *rest] for image, label, *rest in own.rows])


def swap_masks(own, run):
    own.write([[image, label, own.rows[place - 1][2], patient] for place, (image, label, _, patient) in
               enumerate(own.rows)])  # fmt: skip


def one_patient_more(own, run):
    own.write([[*row[:3], "p1" if place == 0 else row[3]] for place, row in enumerate(own.rows)])


def test_ids_in(run, change):
    path = run / "split.json"
    content = json.loads(path.read_text())
    change(content["tasks"]["diagnosis"])
    path.write_text(json.dumps(content))


test_ids_in.__test__ = False


def train_on_the_test(own, run):
    test_ids_in(run, lambda task: task["labeled"].append(task["test"]["in_domain"]["ids"][0]))


def another_split(own, run):
    test_ids_in(run, lambda task: task.update(val=task["val"][:-1]))


def another_rate(own, run):
    path = run / "recipe.yaml"
    content = yaml.safe_load(path.read_text())
    content["optimizer"]["lr"] *= 100
    path.write_text(yaml.safe_dump(content))


def other_steps(own, run):
    path = run / "recipe.yaml"
    path.write_text(path.read_text().replace("steps: 4", "steps: 6"))


def forget_who_trained(own, run):
    path = run / "split.json"
    content = json.loads(path.read_text())
    for images in content["images"].values():
        images.update((name, ["0", "nobody"]) for name in list(images)[::2])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swap_classes, "the data changed since"),
        (swap_masks, "the data changed since"),
        (one_patient_more, "both are one image or of one patient"),
        (one_patient_more, "Since it was made, the content of 'labels', 'masks' has changed"),
        (train_on_the_test, "split.json: task 'diagnosis' has 9 labelled images, but the recipe has labeled: 8"),
        (another_split, "split.json: the file was changed, or the checkpoint step-00000002 is of another run"),
        (forget_who_trained, "split.json: the file was changed, or the checkpoint step-00000002 is of another run"),
        (another_rate, "recipe.yaml was changed since the run wrote it"),
        (other_steps, "recipe.yaml was changed since the run wrote it"),
    ],
)
def test_what_changed_under_a_run_is_refused(cut, change, said):
    own, run = cut
    change(own, run)
    ended = command(["run", "--resume", run, "--data-root", own.folder.parent], run.parent / "log")
    assert ended.code == 2, ended.out
    assert said in ended.out
    assert "Traceback" not in ended.out
    assert not (run / "results.json").exists()


def a_flipped_byte(own, run):
    path = run / "weights" / "best.safetensors"
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def other_numbers(own, run):
    path = run / "weights" / "best.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path, {"ssmtl": "{}"})


def without_checksums(own, run):
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps({**results, "weights": {}}))


def of_another_seed(own, run):
    other = run.parent / "other"
    ended = command([*own.run_arguments, "--seed", "1", "--out", other], run.parent / "log", first=without_report)
    assert ended.code == 0, ended.out
    shutil.copy(other / "weights" / "best.safetensors", run / "weights" / "best.safetensors")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (a_flipped_byte, "best.safetensors is not as the run wrote it"),
        (without_checksums, "results.json: weights.best: is missing; without its checksum"),
        (other_numbers, "best.safetensors do not say which recipe and split trained them"),
        (of_another_seed, "best.safetensors was not trained with"),
        (another_split, "best.safetensors was not trained with"),
        (forget_who_trained, "best.safetensors was not trained with"),
        (another_rate, "best.safetensors was not trained with"),
    ],
)
def test_what_changed_after_a_run_is_not_scored(finished, tmp_path, change, said):
    own, run = finished
    run = shutil.copytree(run, tmp_path / "run")
    change(own, run)
    ended, _ = evaluated(own, run)
    assert ended.code == 2, ended.out
    assert said in ended.out
    assert "Traceback" not in ended.out


@pytest.mark.parametrize("change", [swap_classes, swap_masks])
def test_an_evaluation_says_that_the_test_images_are_no_longer_the_same(finished, change):
    own, run = finished
    assert "Warning" not in evaluated(own, run)[0].out
    try:
        change(own, run)
        ended, _ = evaluated(own, run)
    finally:
        own.write(own.rows)
    assert ended.code == 0, ended.out
    assert "Warning: the source" in ended.out
    assert "has changed since the run began" in ended.out


def test_a_test_image_that_lost_its_label_is_named(finished):
    """It was scored as of class -1, that is, as wrong."""
    own, run = finished
    split = json.loads((run / "split.json").read_text())
    image = split["tasks"]["diagnosis"]["test"]["in_domain"]["ids"][0]
    try:
        own.write([[name, "" if name == image else label, *rest] for name, label, *rest in own.rows])
        ended, _ = evaluated(own, run)
    finally:
        own.write(own.rows)
    assert ended.code == 2, ended.out
    assert f"{image} is to be learned from or scored, and has no label" in ended.out


def test_a_suites_cells_know_the_data_that_they_were_run_on(tmp_path):
    own = Set(tmp_path)
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump(own.sources))
    grids = [{"systems": ["own"], "budgets": {"diagnosis": [8]}}]
    suite = {"name": "small", "sources": ["sources.yaml"], "variants": {"own": {"recipe": "own.yaml"}}, "grids": grids}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    plugins, folders = load_plugins(), Folders(tmp_path)

    def cell():
        return cells_of(read_suite(tmp_path / "suite.yaml"), plugins, folders, tmp_path)[0]

    before = cell()
    assert cell().name == before.name
    work = Work.of(before, tmp_path / "suite", 1, tmp_path, ())
    (tmp_path / "suite" / "cells").mkdir(parents=True)
    for change in (swap_classes, swap_masks, one_patient_more):
        change(own, None)
        assert cell().data_hash != before.data_hash
        assert cell().name != before.name
    own.write(own.rows)
    swap_classes(own, None)
    assert work_on(work) == FAILED
    assert "the data changed since the suite was started" in outcome_of(tmp_path / "suite", before.name).error


@pytest.mark.slow
def test_random_tamperings_are_refused_or_without_effect():
    """A part of the long campaign in benchmarks/faults."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "faults" / "identity.py", "--count", "33", "--seed", "7"],
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def test_a_rotten_cache_entry_is_built_anew(tmp_path, monkeypatch):
    own = Set(tmp_path)
    monkeypatch.setenv("SSMTL_CACHE", str(tmp_path / "cache"))
    first = command([*own.run_arguments, "--out", tmp_path / "first"], tmp_path / "log", first=without_report)
    assert first.code == 0, first.out
    for path in (tmp_path / "cache").rglob("*.npy"):
        content = bytearray(path.read_bytes())
        content[-100:] = bytes(100)
        path.write_bytes(content)
    second = command([*own.run_arguments, "--out", tmp_path / "second"], tmp_path / "log", first=without_report)
    assert second.code == 0, second.out
    one, other = (load_file(tmp_path / run / "weights" / "last.safetensors") for run in ("first", "second"))
    assert all(one[name].equal(other[name]) for name in one)
