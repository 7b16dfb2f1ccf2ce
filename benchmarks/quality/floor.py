"""What needs no network: ridge regression on pixels for labels, the mean mask for masks, on the images of methods.yaml.

    python benchmarks/quality/floor.py --out benchmarks/leaderboard/floor.csv

The images, splits and labelled images of each seed are those of the suite's runs. Ridge: the penalty of the least
leave-one-out error, of 25 powers of ten. Mean mask: that of the labelled images, inside from one half on.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from ssmtl import Folders
from ssmtl.api.loaded import load_recipe
from ssmtl.data.rows import Rows
from ssmtl.experiment.prepare import ExperimentData, prepare
from ssmtl.suite.bootstrap import area_under_roc
from ssmtl.suite.suite_file import read_suite

SUITE = Path(__file__).with_name("methods.yaml")
RECIPE = "multimix"
EVERY = slice(None)


def prepared(labels: dict[str, object], seed: int) -> ExperimentData:
    """As a run of the suite has them."""
    suite = read_suite(SUITE)
    values = {**suite.set, "train.device": "cpu", **{f"tasks.{task}.labeled": n for task, n in labels.items()}}
    values = {key: value for key, value in values.items() if key != "tasks.lungs.augment"}
    loaded = load_recipe(RECIPE, "phantom", [f"{key}={value}".replace("'", "") for key, value in values.items()], seed)
    return prepare(loaded.assembled(), loaded.plugins, Folders(None))


def pixels(rows: Rows) -> np.ndarray:
    """(images, pixels), and a constant."""
    flat = rows.images(EVERY).numpy().reshape(len(rows), -1) / 255
    return np.concatenate([flat, np.ones((len(rows), 1))], 1)


def ridge(train: Rows, test: Rows) -> float:
    """AUROC of the second class."""
    x, y = pixels(train), np.where(train.target(EVERY).numpy() == 1, 1.0, -1.0)
    values, vectors = np.linalg.eigh(x @ x.T)
    best, chosen = np.inf, np.zeros(len(y))
    for power in np.linspace(-4, 4, 25):
        inverse = vectors @ np.diag(1 / (values + 10**power)) @ vectors.T
        left_out = (inverse @ y) / np.diag(inverse)
        if (left_out**2).mean() < best:
            best, chosen = (left_out**2).mean(), inverse @ y
    score = pixels(test) @ (x.T @ chosen)
    positive = test.target(EVERY).numpy() == 1
    return float(area_under_roc(score, positive)(np.ones((1, len(score))))[0])


def mean_mask(train: Rows, test: Rows) -> float:
    """Mean Dice."""
    guess = train.target(EVERY).float().mean(0, keepdim=True) > 0.5
    truth = test.target(EVERY) > 0.5
    both = (guess & truth).flatten(1).sum(1)
    return float((2 * both / (guess.flatten(1).sum(1) + truth.flatten(1).sum(1))).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows = []
    for seed in read_suite(SUITE).seeds:
        for diagnosis, lungs in ((20, 3), (100, 10), ("all", "all")):
            data = prepared({"diagnosis": diagnosis, "lungs": lungs}, seed)
            for task, labeled, metric, of in (
                ("diagnosis", diagnosis, "auroc", ridge),
                ("lungs", lungs, "dice", mean_mask),
            ):
                parts = data.tasks[task]
                for domain, test in parts.test.items():
                    value = f"{of(parts.labeled, test):.4f}"
                    rows.append(
                        {"system": of.__name__, "task": task, "labeled": labeled, "seed": seed, "domain": domain,
                         "metric": metric, "value": value}
                    )  # fmt: skip
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
