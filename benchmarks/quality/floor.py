"""What needs no network: ridge regression on pixels for labels, the mean mask for masks, on the images of a suite.

    python benchmarks/quality/floor.py --out benchmarks/leaderboard/floor.csv
    python benchmarks/quality/floor.py --suite benchmarks/quality/busi_quick.yaml --recipe busi/umtl --threshold best \
        --data-root FOLDER --out benchmarks/leaderboard/busi_floor.csv

The images, splits and labelled images of each seed are those of the suite's runs. Ridge: on at most 32 × 32 pixels,
each class against the rest, the unweighted mean of their AUROC (of two classes: the second); the penalty of the least
leave-one-out error, of 25 powers of ten. Mean mask: that of the labelled images, inside from one half on, or from the
share on that is best on the labelled images. Where some masks are empty, `dice_not_empty` is of the others.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssmtl import Folders
from ssmtl.api.loaded import load_recipe
from ssmtl.data.mask_values import UNKNOWN
from ssmtl.data.rows import Rows
from ssmtl.experiment.prepare import ExperimentData, prepare
from ssmtl.suite.bootstrap import area_under_roc
from ssmtl.suite.suite_file import Suite, read_suite

METHODS = Path(__file__).with_name("methods.yaml")
EVERY = slice(None)
SIDE = 32
SHARES = np.linspace(0.05, 0.95, 19)


def budgets_of(suite: Suite) -> dict[str, list[int | str]]:
    """By task, each number of labelled images of the suite once, 'all' at the end."""
    found: dict[str, set] = {}
    for grid in suite.grids:
        for task, budgets in grid.budgets.items():
            found.setdefault(task, set()).update(budgets)
    return {task: [*sorted(one - {"all"}), "all"] for task, one in found.items()}


def prepared(suite: Suite, recipe: str, labels: dict[str, int | str], seed: int, folders: Folders) -> ExperimentData:
    """As a run of the suite has them."""
    settings = {**suite.set, "train.device": "cpu", **{f"tasks.{task}.labeled": n for task, n in labels.items()}}
    overrides = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    loaded = load_recipe(recipe, suite.sources[0], overrides, seed)
    return prepare(loaded.assembled(), loaded.plugins, folders)


def pixels(rows: Rows) -> np.ndarray:
    """(images, pixels), and a constant."""
    images = rows.images(EVERY)
    if max(images.shape[-2:]) > SIDE:
        images = torch.nn.functional.adaptive_avg_pool2d(images.double(), SIDE)
    flat = images.numpy().reshape(len(rows), -1) / 255
    return np.concatenate([flat, np.ones((len(rows), 1))], 1)


def regressed(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """What ridge regression of `y` on `x` says of `z`; the penalty of the least leave-one-out error.

    :param x, z: (images, pixels). :param y: (images, columns), which share the penalty. :return: (images, columns).
    """
    values, vectors = np.linalg.eigh(x @ x.T)
    best, chosen = np.inf, np.zeros_like(y)
    for power in np.linspace(-4, 4, 25):
        inverse = vectors @ np.diag(1 / (values + 10**power)) @ vectors.T
        left_out = (inverse @ y) / np.diag(inverse)[:, None]
        if (left_out**2).mean() < best:
            best, chosen = (left_out**2).mean(), inverse @ y
    return z @ (x.T @ chosen)


def ridge(train: Rows, test: Rows, classes: int) -> dict[str, float]:
    """AUROC, of the second class or the mean over three and more, each with its own penalty."""
    x, z = pixels(train), pixels(test)
    known, truth = train.target(EVERY).numpy(), test.target(EVERY).numpy()
    areas = []
    for name in range(classes) if classes > 2 else [1]:
        score = regressed(x, np.where(known == name, 1.0, -1.0)[:, None], z)[:, 0]
        areas.append(float(area_under_roc(score, truth == name)(np.ones((1, len(score))))[0]))
    return {"auroc": float(np.mean(areas))}


def mean_mask(train: Rows, test: Rows, share: float) -> dict[str, float]:
    """Mean Dice over images; 1 where prediction and reference are empty."""
    scores, empty = dice(average(train) > share, test)
    return {"dice": float(scores.mean())} | ({"dice_not_empty": float(scores[~empty].mean())} if empty.any() else {})


def best_mean_mask(train: Rows, test: Rows) -> dict[str, float]:
    """With the share that is best on the images that the mean is of."""
    mean = average(train)
    return mean_mask(train, test, max(SHARES, key=lambda share: float(dice(mean > share, train)[0].mean())))


def average(rows: Rows) -> Tensor:
    """Of the masks, where they are known; (1, structures, height, width)."""
    masks = rows.target(EVERY)
    known = (masks != UNKNOWN).sum(0, keepdim=True)
    return (masks == 1).sum(0, keepdim=True) / known.clamp(min=1)


def dice(guess: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """Of each image, where its mask is known; and whether the mask is empty."""
    masks = rows.target(EVERY)
    truth, guess = masks == 1, guess & (masks != UNKNOWN)
    both = (guess & truth).flatten(1).sum(1)
    whole = guess.flatten(1).sum(1) + truth.flatten(1).sum(1)
    return torch.where(whole > 0, 2 * both / whole, 1.0), ~truth.flatten(1).any(1)


def rows_of(suite: Suite, recipe: str, threshold: str, folders: Folders) -> Iterator[dict[str, object]]:
    budgets = budgets_of(suite)
    for seed in suite.seeds:
        for numbers in zip_longest(*budgets.values()):
            labels = {task: number for task, number in zip(budgets, numbers, strict=True) if number is not None}
            data = prepared(suite, recipe, labels, seed, folders)
            for task, labeled in labels.items():
                parts = data.tasks[task]
                for domain, test in parts.test.items():
                    if parts.labeled.targets is not None:
                        classes = int(torch.cat([parts.labeled.targets, test.targets]).max()) + 1
                        system, found = "ridge", ridge(parts.labeled, test, classes)
                    elif threshold == "best":
                        system, found = "best_mean_mask", best_mean_mask(parts.labeled, test)
                    else:
                        system, found = "mean_mask", mean_mask(parts.labeled, test, 0.5)
                    for metric, value in found.items():
                        yield {"system": system, "task": task, "labeled": labeled, "seed": seed, "domain": domain,
                               "metric": metric, "value": f"{value:.4f}"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path, default=METHODS)
    parser.add_argument("--recipe", default="multimix", help="one that has all tasks of the suite")
    parser.add_argument("--threshold", choices=["half", "best"], default="half", help="of the mean mask")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows = list(rows_of(read_suite(given.suite), given.recipe, given.threshold, Folders(given.data_root)))
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
