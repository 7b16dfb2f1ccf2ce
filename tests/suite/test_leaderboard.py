"""benchmarks/LEADERBOARD.md: every number in it is of committed rows."""

import csv
import importlib.util
import re
from pathlib import Path
from statistics import fmean

import pytest
from scipy import stats

from ssmtl.registry.plugins import load_plugins

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"

spec = importlib.util.spec_from_file_location("leaderboard", BENCHMARKS / "leaderboard_page.py")
leaderboard = importlib.util.module_from_spec(spec)
spec.loader.exec_module(leaderboard)

PAGE = (BENCHMARKS / "LEADERBOARD.md").read_text(encoding="utf-8")


def values(system, labeled, metric, domain):
    with (BENCHMARKS / "leaderboard/results.csv").open(newline="") as file:
        chosen = (system, labeled, metric, domain)
        rows = [row for row in csv.DictReader(file) if tuple(row[key] for key in KEYS) == chosen]
    return [float(row["value"]) for row in sorted(rows, key=lambda row: int(row["seed"]))]


KEYS = ("system", "labeled", "metric", "domain")


def test_the_page_is_made_from_the_committed_rows():
    assert leaderboard.rendered() == PAGE


@pytest.mark.parametrize(
    ("system", "baseline", "labeled", "metric"),
    [("pi_model", "supervised", "20", "auroc"), ("unet_cutmix_seg", "unet_supervised", "3", "dice")],
)
def test_means_and_intervals_are_those_of_scipy(system, baseline, labeled, metric):
    for domain in ("in_domain", "cross_domain"):
        ours, theirs = (values(one, labeled, metric, domain) for one in (system, baseline))
        test = stats.ttest_rel(ours, theirs)
        low, high = test.confidence_interval(0.95)
        found = [f"{fmean(ours):.3f} ±", *(f"{one:+.3f}".replace("-", "−") for one in (low, high))]
        line = next(line for line in PAGE.splitlines() if re.match(rf"\| \d+ \| {system} ", line))
        for text in found:
            assert text in line


def test_every_row_is_of_a_commit_and_of_five_seeds():
    with (BENCHMARKS / "leaderboard/results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["commit"] for row in rows)
    seeds = {}
    for row in rows:
        seeds.setdefault(tuple(row[key] for key in KEYS), set()).add(row["seed"])
    assert {len(one) for one in seeds.values()} == {5}


@pytest.mark.parametrize(
    ("system", "few", "metric"), [("supervised", "100", "auroc"), ("unet_supervised", "3", "dice")]
)
def test_there_is_something_to_gain(system, few, metric):
    for domain in ("in_domain", "cross_domain"):
        found = stats.ttest_rel(values(system, "all", metric, domain), values(system, few, metric, domain))
        assert found.confidence_interval(0.95).low > 0, domain


SUPERVISED = {"cross_entropy", "mae", "mse", "soft_dice"}


@pytest.mark.parametrize("kind", ["strategy", "balancer", "bridge"])
def test_every_method_is_in_the_documents(kind):
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    missing = [name for name in load_plugins()[kind] if f"`{name}`" not in text]
    assert set(missing) <= SUPERVISED
