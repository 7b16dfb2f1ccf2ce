"""What needs no network, on the digits of digits.yaml: the nearest labelled image, and ridge regression on pixels.

    python benchmarks/quality/digits_floor.py --out benchmarks/leaderboard/digits_floor.csv

The labelled images of each seed are those of the suite's runs. Ridge: one column for each class, the penalty of the
least leave-one-out error, of 25 powers of ten.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from floor import EVERY, regressed

from ssmtl import Folders
from ssmtl.api.loaded import load_recipe
from ssmtl.data.rows import Rows
from ssmtl.experiment.prepare import prepare
from ssmtl.suite.suite_file import Suite, read_suite

SUITE = Path(__file__).with_name("digits.yaml")


def parts(suite: Suite, labeled: int | str, seed: int) -> tuple[Rows, Rows]:
    """Labelled and test images, as a run of the suite has them."""
    values = {**suite.set, "train.device": "cpu", "tasks.diagnosis.labeled": labeled}
    values = {key: value for key, value in values.items() if key != "tasks.diagnosis.augment"}
    loaded = load_recipe("enc", "phantom", [f"{key}={json.dumps(value)}" for key, value in values.items()], seed)
    task = prepare(loaded.assembled(), loaded.plugins, Folders(None)).tasks["diagnosis"]
    return task.labeled, task.test["in_domain"]


def pixels(rows: Rows) -> np.ndarray:
    """(images, pixels)."""
    return rows.images(EVERY).numpy().reshape(len(rows), -1) / 255


def nearest(train: Rows, test: Rows) -> np.ndarray:
    """The class of the labelled image at the least Euclidean distance."""
    known = pixels(train)
    distances = np.stack([((known - one) ** 2).sum(1) for one in pixels(test)])
    return train.target(EVERY).numpy()[distances.argmin(1)]


def ridge(train: Rows, test: Rows) -> np.ndarray:
    """The class of the largest of the regressions on one-hot labels."""
    x, z = (np.concatenate([pixels(rows), np.ones((len(rows), 1))], 1) for rows in (train, test))
    y = np.eye(10)[train.target(EVERY).numpy()] - 0.1
    return regressed(x, y, z).argmax(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    given, suite, rows = parser.parse_args(), read_suite(SUITE), []
    for seed in suite.seeds:
        for labeled in (40, "all"):
            train, test = parts(suite, labeled, seed)
            for of in (nearest, ridge):
                value = f"{(of(train, test) == test.target(EVERY).numpy()).mean():.4f}"
                rows.append(
                    {"system": of.__name__, "task": "diagnosis", "labeled": labeled, "seed": seed,
                     "domain": "in_domain", "metric": "accuracy", "value": value}
                )  # fmt: skip
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
