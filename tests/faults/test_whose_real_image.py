"""On the real images: no pair of task and source scores a patient or a file that trained or selected.

Files are hashed and patients read from the sets' own tables here, not by the program.
"""

import csv
import hashlib
import json
import os

import pytest
from children import command, noting_scored, without_report

SMALL = (
    "image.size=32", "backbone.widths=[4, 4, 8, 8, 8]", "train.steps=2", "train.evaluate_every=2", "train.device=cpu",
    "tasks.diagnosis.labeled=20", "tasks.diagnosis.batch=4", "tasks.lungs.labeled=10", "tasks.lungs.batch=4",
)  # fmt: skip
ROOTS = {"chex": "chest_xray", "jsrt": "chest_xray", "nihx": "nih_chestxray14_subset", "mcu": "covid_chestxray"}

FINDINGS = (
    "Bacterial", "COVID-19", "E.Coli", "Influenza", "Klebsiella", "Legionella", "Lipoid",
    "Mycoplasma Bacterial Pneumonia", "Pneumocystis", "Pneumonia", "Streptococcus", "Varicella",
)  # fmt: skip
RENAMED = [f"{name}: pneumonia" for name in FINDINGS]
ENTRIES = {
    "chex": "{use: chest_xray, root: chest_xray, keep_split: false}",
    "jsrt": "{use: chest_xray, root: chest_xray, only: with_masks, keep_split: false}",
    "nihx": "{use: nih_chestxray14, root: nih_chestxray14_subset, findings: [No Finding, Pneumonia],"
    " rename: {No Finding: normal, Pneumonia: pneumonia}}",
    "mcu": f"{{use: covid_chestxray, root: covid_chestxray, rename: {{No Finding: normal, {', '.join(RENAMED)}}}}}",
}
"""Each asks for more than the run's own entry: the whole set, whatever its parts."""

pytestmark = pytest.mark.slow


class Sets:
    """Of each image: the hash of its file, and its patient."""

    def __init__(self, folder):
        self.folder = folder
        self.patients = {}
        with (folder / "chest_xray" / "index.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                self.patients["chest_xray", row["image"]] = f"{row['image'].split('/')[0]}/{row['patient']}"
        with (folder / "covid_chestxray" / "index.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                self.patients["covid_chestxray", row["image"]] = row["patientid"]

    def shown(self, source, image):
        """The hash of the file, and the patient, who in ChestX-ray14 is the first part of the file's name."""
        root = ROOTS[source]
        path = self.folder / root / image
        if not path.exists():
            (path,) = (self.folder / root).rglob(os.path.basename(image))
        patient = self.patients.get((root, image)) or path.name.split("_")[0]
        return hashlib.sha256(path.read_bytes()).hexdigest(), (root, patient)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data_folder):
    folder = tmp_path_factory.mktemp("real")
    settings = [part for one in SMALL for part in ("--set", one)]
    arguments = ["run", "umtl", "--sources", "cxr", "--data-root", data_folder, "--out", folder / "run", *settings]
    ended = command(arguments, folder / "log", first=without_report)
    assert ended.code == 0, ended.out
    split = json.loads((folder / "run" / "split.json").read_text())
    sets = Sets(data_folder)
    used = [
        sets.shown(task["source"], image)
        for task in split["tasks"].values()
        for part in ("labeled", "unlabeled", "val")
        for image in task[part]
    ]
    return folder / "run", sets, {content for content, _ in used}, {patient for _, patient in used}


def test_no_part_of_the_split_shows_who_is_tested(trained):
    run, sets, contents, patients = trained
    split = json.loads((run / "split.json").read_text())
    tested = [
        sets.shown(part["source"], image)
        for task in split["tasks"].values()
        for part in task["test"].values()
        for image in part["ids"]
    ]
    assert len(tested) > 700
    assert not contents & {content for content, _ in tested}
    assert not patients & {patient for _, patient in tested}


@pytest.mark.parametrize("source", list(ROOTS))
@pytest.mark.parametrize("task", ["diagnosis", "lungs"])
def test_no_pair_of_task_and_source_scores_who_trained(trained, data_folder, task, source, tmp_path):
    run, sets, contents, patients = trained
    entry = f"{source}: {ENTRIES[source]}\n"
    (tmp_path / "sources.yaml").write_text(entry)
    scored, out = tmp_path / "scored", tmp_path / "out.json"
    arguments = ["evaluate", run, "--data-root", data_folder, "--sources", tmp_path / "sources.yaml", "--out", out]
    ended = command([*arguments, "--source", f"{task}={source}"], tmp_path / "log", first=noting_scored(scored))
    if (task, source) == ("lungs", "nihx"):
        assert ended.code == 2
        assert "'nihx' has nothing to evaluate on" in ended.out
        return
    assert ended.code == 0, ended.out
    (line,) = scored.read_text().splitlines()
    ids = json.loads(line)["ids"]
    results = json.loads(out.read_text())
    assert results["counts"][task][source]["images"] == len(ids) > 50
    shown = [sets.shown(source, image) for image in ids]
    assert not contents & {content for content, _ in shown}
    assert not patients & {patient for _, patient in shown}
    if source in ("chex", "jsrt"):
        assert results["excluded"][task][source] > 1000, "the whole set is asked for, and most of it trained"
