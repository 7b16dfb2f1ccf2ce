"""What a suite's networks guess of their unlabelled images, whose labels a phantom knows: how often they are right.

    python benchmarks/quality/guesses.py SUITE_FOLDER [SUITE_FOLDER ...] --out benchmarks/leaderboard/guesses.csv

One row per run of one task with classes, of its weights after the last step, without its temperature. On the images
of the pool that it had no label of: `accuracy`, `auroc`, the share that it is at least 95 % sure of (`sure`), and how
often these are right (`sure_right`); `fitted` is the accuracy on its labelled images. Of strategies that count
pseudo-labels: the share that was counted in each half of the training (`counted_1`, `counted_2`), and how often these
were right (`right_1`, `right_2`). Rows of other runs stay in the file.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from floor import EVERY, METHODS, prepared

import ssmtl
from ssmtl import Folders
from ssmtl.data.rows import Rows
from ssmtl.data.task_data import TaskData
from ssmtl.suite.bootstrap import area_under_roc
from ssmtl.suite.suite_file import read_suite

SURE = 0.95
COLUMNS = (
    "system", "labeled", "seed", "fitted", "accuracy", "auroc", "sure", "sure_right",
    "counted_1", "right_1", "counted_2", "right_2",
)  # fmt: skip


@cache
def pool_of(task: str, labeled: int, seed: int) -> TaskData:
    """As the suite's runs of this seed have it; the other task plays no part."""
    suite = read_suite(METHODS)
    other = {"lungs": 3} if task == "diagnosis" else {"diagnosis": 20}
    return prepared(suite, "multimix", {task: labeled, **other}, seed, Folders()).tasks[task]


def probabilities(network: torch.nn.Module, task: str, rows: Rows) -> np.ndarray:
    """(images, classes)."""
    with torch.no_grad():
        found: np.ndarray = network(rows.images(EVERY).float() / 255)[task].numpy()
    return found


def of_pool(run: Path, task: str, labeled: int, seed: int) -> dict[str, float]:
    data, network = pool_of(task, labeled, seed), ssmtl.load(run, weights="last", calibrated=False).module
    unseen = np.isin(data.unlabeled.ids, data.labeled.ids, invert=True)
    guesses, truth = probabilities(network, task, data.unlabeled)[unseen], data.unlabeled.target(EVERY).numpy()[unseen]
    right, sure = guesses.argmax(1) == truth, guesses.max(1) >= SURE
    seen = probabilities(network, task, data.labeled).argmax(1) == data.labeled.target(EVERY).numpy()
    area = area_under_roc(guesses[:, 1], truth == 1)(np.ones((1, len(truth))))[0]
    return {
        "fitted": seen.mean(), "accuracy": right.mean(), "auroc": area,
        "sure": sure.mean(), "sure_right": right[sure].mean() if sure.any() else np.nan,
    }  # fmt: skip


def of_training(run: Path, steps: int) -> dict[str, float]:
    """Means over the steps that were logged, of `right` weighted by the share that was counted."""
    found = {}
    with (run / "metrics.jsonl").open(encoding="utf-8") as file:
        events = [event for event in map(json.loads, file) if event["event"] == "step"]
    for half, low in ((1, 0), (2, steps // 2)):
        counted, right = [], []
        for event in events:
            if low < event["step"] <= low + steps // 2:
                numbers = {key.split(".")[-1]: value for key, value in event["diagnostics"].items()}
                accuracy = numbers.get("pseudo_label_accuracy", numbers.get("guess_accuracy"))
                share = numbers.get("mask_rate", None if accuracy is None else 1.0)
                if share is not None:
                    counted.append(share)
                    right.append(share * accuracy if accuracy is not None else 0.0)
        if counted:
            found[f"counted_{half}"] = np.mean(counted)
            found[f"right_{half}"] = np.sum(right) / np.sum(counted) if np.sum(counted) else np.nan
    return found


def rows_of(suites: list[Path]) -> Iterator[dict[str, object]]:
    steps = read_suite(METHODS).set["train.steps"]
    for file in sorted(path for suite in suites for path in suite.glob("cells/*/cell.json")):
        cell = json.loads(file.read_text(encoding="utf-8"))
        labeled, run = cell["budgets"].get("diagnosis", "all"), file.parent
        if cell["status"] != "finished" or len(cell["budgets"]) > 1 or labeled == "all":
            continue
        found = of_pool(run, "diagnosis", labeled, cell["seed"]) | of_training(run, steps)
        known = {key: f"{value:.4f}" for key, value in found.items() if not np.isnan(value)}
        yield {"system": cell["system"], "labeled": labeled, "seed": cell["seed"], **known}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    found = {_run(row): row for row in (*_before(given.out), *rows_of(given.suites))}
    with given.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found[key] for key in sorted(found))


def _run(row: dict[str, object]) -> tuple[str, int, int]:
    return str(row["system"]), int(str(row["labeled"])), int(str(row["seed"]))


def _before(path: Path) -> list[dict[str, object]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
