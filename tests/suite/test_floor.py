"""benchmarks/quality/floor.py against plain NumPy and SciPy, and against its committed rows."""

import csv
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from ssmtl import Folders
from ssmtl.suite.suite_file import read_suite

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

spec = importlib.util.spec_from_file_location("floor", BENCHMARKS / "quality/floor.py")
floor = importlib.util.module_from_spec(spec)
spec.loader.exec_module(floor)


class Made:
    """What the floor reads of a task's rows."""

    def __init__(self, images, target):
        self.images, self.target = lambda rows: torch.from_numpy(images), lambda rows: torch.from_numpy(target)
        self.size = len(images)

    def __len__(self):
        return self.size


def classified(count, classes, seed, side=6):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = rng.integers(0, 200, (count, 1, side, side))
    images[np.arange(count), 0, labels, 0] += 55
    return images.astype(np.uint8), labels


def area_by_refitting(train, test, name):
    """Ridge in the pixels, its penalty by leaving out each image in turn and fitting the others anew."""

    def flat(images):
        return np.hstack([images.reshape(len(images), -1) / 255, np.ones((len(images), 1))])

    x, y = flat(train[0]), np.where(train[1] == name, 1, -1)

    def fit(x, y, penalty):
        return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)

    def error(penalty):
        others = [np.arange(len(y)) != left for left in range(len(y))]
        return np.mean([(fit(x[rest], y[rest], penalty) @ x[~rest][0] - y[~rest][0]) ** 2 for rest in others])

    score = flat(test[0]) @ fit(x, y, min(10 ** np.linspace(-4, 4, 25), key=error))
    ill, well = score[test[1] == name], score[test[1] != name]
    return stats.mannwhitneyu(ill, well).statistic / (len(ill) * len(well))


@pytest.mark.parametrize("classes", [2, 3])
def test_ridge_is_that_of_refitting(classes):
    train, test = classified(24, classes, 0), classified(40, classes, 1)
    names = [1] if classes == 2 else range(classes)
    expected = np.mean([area_by_refitting(train, test, name) for name in names])
    assert floor.ridge(Made(*train), Made(*test), classes) == {"auroc": pytest.approx(expected, abs=1e-9)}


def test_large_images_are_made_small_by_means():
    images = np.random.default_rng(0).integers(0, 255, (3, 1, 64, 64), dtype=np.uint8)
    blocks = images.reshape(3, 1, 32, 2, 32, 2).mean((3, 5)).reshape(3, -1) / 255
    assert np.allclose(floor.pixels(Made(images, images)), np.hstack([blocks, np.ones((3, 1))]))


def test_the_mean_mask_leaves_out_what_is_unknown_and_rewards_right_emptiness():
    train = np.array([[[1, 1, 0, 255]], [[1, 0, 0, 1]], [[1, 0, 0, 1]], [[0, 0, 0, 255]]], np.uint8)[:, None]
    test = np.array([[[1, 1, 0, 0]], [[0, 0, 0, 0]], [[1, 255, 255, 255]]], np.uint8)[:, None]
    rows, empty = Made(train, train), np.zeros((1, 1, 1, 4), bool)
    assert floor.average(rows).flatten().tolist() == [0.75, 0.25, 0, 1], "of the images where the pixel is known"
    found = floor.mean_mask(rows, Made(test, test), 0.5)  # inside: the first and the last pixel
    assert found["dice"] == pytest.approx((2 * 1 / 4 + 0 + 1) / 3)
    assert found["dice_not_empty"] == pytest.approx((2 * 1 / 4 + 1) / 2)
    assert floor.dice(torch.from_numpy(empty), Made(test, test))[0].tolist() == [0, 1, 0]


def test_the_best_share_is_that_of_the_labelled_images():
    rng = np.random.default_rng(0)
    train, test = (rng.random((count, 1, 5, 5)) < np.linspace(0, 0.6, 5) for count in (12, 9))
    train, test = train.astype(np.uint8), test.astype(np.uint8)

    def mean_dice(guess, masks):
        pairs = [(2 * (guess & mask).sum(), guess.sum() + mask.sum()) for mask in masks.astype(bool)]
        return np.mean([part / whole if whole else 1 for part, whole in pairs])

    shares = [place / 20 for place in range(1, 20)]
    best = max(shares, key=lambda share: mean_dice(train.mean(0) > share + 1e-9, train))
    expected = mean_dice(train.mean(0) > best + 1e-9, test)
    assert floor.best_mean_mask(Made(train, train), Made(test, test))["dice"] == pytest.approx(expected)


def test_budgets_are_those_of_the_suite():
    assert floor.budgets_of(read_suite(floor.METHODS)) == {"diagnosis": [20, 100, "all"], "lungs": [3, 10, "all"]}
    busi = read_suite(BENCHMARKS / "quality/busi.yaml")
    assert floor.budgets_of(busi) == {"diagnosis": [50, 100, "all"], "lesion": [50, 100, "all"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "suite", "recipe", "threshold"),
    [("floor", "methods", "multimix", "half"), ("busi_floor", "busi_quick", "busi/umtl", "best")],
)
def test_the_committed_rows(file, suite, recipe, threshold, request):
    """Of the first seed and the smallest budgets."""
    folder = request.getfixturevalue("data_folder") if file == "busi_floor" else None
    if folder and not (folder / "Dataset_BUSI_with_GT").is_dir():
        pytest.skip(f"no real data at {folder / 'Dataset_BUSI_with_GT'}")
    asked = read_suite(BENCHMARKS / f"quality/{suite}.yaml")
    one = SimpleNamespace(set=asked.set, sources=asked.sources, seeds=asked.seeds[:1], grids=asked.grids[:2])
    rows = floor.rows_of(one, recipe, threshold, Folders(folder))
    with (BENCHMARKS / f"leaderboard/{file}.csv").open(newline="") as opened:
        committed = list(csv.DictReader(opened))
    first = [row for row in committed if row["seed"] == "0" and row["labeled"] == committed[0]["labeled"]]
    found = [{key: str(value) for key, value in row.items()} for row, _ in zip(rows, first, strict=False)]
    assert found[: len(first)] == first
