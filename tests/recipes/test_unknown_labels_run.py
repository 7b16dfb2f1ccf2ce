"""A table with gaps, through the real command: what is known of an image is used, and counted for each label."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from own_set import write_recipe, write_set

from ssmtl.evaluation.stored_predictions import read_predictions

LABELS = "labels: [nodule, effusion, fracture]"
HEAD = "classes: [nodule, effusion, fracture], multilabel: true"


def cells(number):
    """`fracture` is known of two images of three, and where it is not, `nodule` is not known of every second."""
    fracture = "" if number % 3 == 2 else str(number // 3 % 2)
    nodule = "" if number % 6 == 5 else str(number % 2)
    return nodule, str(number // 2 % 2), fracture


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What the command printed, and the run's folder."""
    folder = tmp_path_factory.mktemp("own")
    write_set(folder, ("nodule", "effusion", "fracture"), cells)
    recipe = write_recipe(folder, LABELS, HEAD, "auroc, f1, accuracy, balanced_accuracy")
    script = Path(sys.executable).with_name("ssmtl")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "140"}
    printed = []
    for command in (["check", recipe], ["run", recipe, "--out", folder / "run"]):
        ran = subprocess.run([script, *command], capture_output=True, text=True, env=environment, timeout=300)
        assert ran.returncode == 0, ran.stderr
        printed.append(ran.stdout)
    return printed, folder / "run"


def test_check_counts_each_label_and_structure(done):
    (checked, ran), _ = done
    for line in ("4 of 10 nodule, 5 of 11 effusion, 3 of 8 fracture", "11 with lung, 8 with heart"):
        assert line in " ".join(checked.split())
    assert "11 labelled (11 with lung, 8 with heart)" in " ".join(ran.split())


def test_the_results_count_each_label_and_the_page_shows_it(done):
    _, run = done
    results = json.loads((run / "results.json").read_text())
    split = json.loads((run / "split.json").read_text())["tasks"]["findings"]
    numbers = [int(Path(one).stem) for one in split["test"]["here"]["ids"]]
    assert results["counts"]["findings"]["here"] == {"images": len(numbers)} | {
        f"known_{name}": sum(cells(number)[place] != "" for number in numbers)
        for place, name in enumerate(("nodule", "effusion", "fracture"))
    }
    trained = [int(Path(one).stem) for one in split["labeled"]]
    assert results["budgets"]["findings"]["known"]["fracture"] == sum(cells(number)[2] != "" for number in trained)
    page = (run / "report.html").read_text()
    assert "known fracture" in page
    assert "8 with heart" in page


def test_the_stored_scores_are_those_of_what_is_known(done):
    _, run = done
    stored = read_predictions(run / "predictions" / "findings.here.npz")
    known = ~np.isnan(stored["targets"])
    assert not known.all()
    right = (stored["probabilities"] > 0.5) == (stored["targets"] > 0.5)
    accuracy = np.mean([right[row][known[row]].mean() for row in range(len(known))])
    results = json.loads((run / "results.json").read_text())["tasks"]
    assert results["findings"]["here"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    organs = read_predictions(run / "predictions" / "organs.here.npz")
    missing = np.array([int(Path(str(one)).stem) % 3 == 0 for one in organs["ids"]])
    assert missing.any()
    assert ((organs["foreground_reference"][:, 1] == -1) == missing).all()
    rows = list(csv.DictReader((run / "per_image.csv").open()))
    gaps = {row["id"] for row in rows if row["metric"] == "dice_heart" and row["value"] == "nan"}
    assert gaps == {str(one) for one, gap in zip(organs["ids"], missing, strict=True) if gap}
    assert not np.isnan(results["organs"]["here"]["dice_heart"])
