"""benchmarks/LEADERBOARD.md: every number in it is of committed rows."""

import csv
import json
import re
from pathlib import Path
from statistics import fmean, stdev

import leaderboard_page as leaderboard
import leaderboard_rows
import leaderboard_values
import pytest
from scipy import stats

from ssmtl.registry.plugins import load_plugins
from ssmtl.suite.suite_file import read_suite

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"

PAGE = (BENCHMARKS / "LEADERBOARD.md").read_text(encoding="utf-8")


def values(system, labeled, metric, domain, name="results.csv"):
    with (BENCHMARKS / "leaderboard" / name).open(newline="") as file:
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


@pytest.mark.parametrize(("suite", "name"), [("methods", "results.csv"), ("confirm", "confirm_results.csv")])
def test_every_row_is_of_a_commit_and_of_every_seed(suite, name):
    with (BENCHMARKS / "leaderboard" / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["commit"] for row in rows)
    seeds = {}
    for row in rows:
        seeds.setdefault(tuple(row[key] for key in KEYS), []).append(int(row["seed"]))
    asked = list(read_suite(BENCHMARKS / f"quality/{suite}.yaml").seeds)
    assert all(sorted(one) == asked for one in seeds.values())


def test_what_ten_new_seeds_say_is_that_of_scipy():
    """Of the three comparisons that were written down, corrected together."""
    asked = [("fixmatch", "supervised", "20", "auroc"), ("adamatch", "supervised", "100", "auroc"),
             ("unet_cutmix_seg", "unet_supervised", "3", "dice")]  # fmt: skip
    section = PAGE[PAGE.index("## The best once more") : PAGE.index("## Classification")].splitlines()
    tests = []
    for system, baseline, labeled, metric in asked:
        ours, theirs = (values(one, labeled, metric, "in_domain", "confirm_results.csv") for one in (system, baseline))
        assert len(ours) == 10
        tests.append(stats.ttest_rel(ours, theirs))
    holm, largest = {}, 0.0
    for rank, place in enumerate(sorted(range(3), key=lambda place: tests[place].pvalue)):
        largest = max(largest, min(1.0, (3 - rank) * tests[place].pvalue))
        holm[place] = largest
    for place, (system, *_) in enumerate(asked):
        (line,) = [line for line in section if line.startswith(f"| {system} ")]
        low, high = (f"{one:+.3f}".replace("-", "−") for one in tests[place].confidence_interval(0.95))
        shown = "< 0.001" if holm[place] < 0.001 else f"{holm[place]:.3f}"
        assert f"[{low}, {high}], {shown}" in line
        assert ("**" in line) == (holm[place] < 0.05)


@pytest.mark.parametrize(
    ("system", "few", "metric"),
    [
        ("supervised", "20", "auroc"),
        ("supervised_tuned", "20", "auroc"),
        ("supervised_tuned", "100", "auroc"),
        ("unet_supervised", "3", "dice"),
        ("unet_supervised", "10", "dice"),
    ],
)
def test_there_is_something_to_gain(system, few, metric):
    for domain in ("in_domain", "cross_domain"):
        found = stats.ttest_rel(values(system, "all", metric, domain), values(system, few, metric, domain))
        assert found.confidence_interval(0.95).low > 0, domain


@pytest.mark.parametrize(
    ("system", "domain", "words"),
    [
        ("supervised", "in_domain", "in its own domain, {}"),
        ("supervised_tuned", "in_domain", "clearly better than 100: {}"),
        ("supervised_tuned", "cross_domain", "in their own domain, {} in others"),
    ],
)
def test_what_100_labels_leave_to_gain_is_said_with_its_interval(system, domain, words):
    found = stats.ttest_rel(*(values(system, labeled, "auroc", domain) for labeled in ("all", "100")))
    low, high = found.confidence_interval(0.95)
    mean, low, high = (f"{one:+.3f}".replace("-", "−") for one in ((low + high) / 2, low, high))
    assert words.format(f"{mean} [{low}, {high}]") in PAGE


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda rows: rows[1:], "has seeds"),
        (lambda rows: [*rows, rows[0]], "a second row"),
        (lambda rows: [{**rows[0], "value": "7"}, *rows[1:]], "'7'"),
        (lambda rows: [{**rows[0], "value": ""}, *rows[1:]], "''"),
        (lambda rows: [{**rows[0], "value": "nan"}, *rows[1:]], "'nan'"),
        (lambda rows: [{**rows[0], "system": "martian"}, *rows[1:]], "not of the suite"),
        (lambda rows: [*rows, *({**row, "seed": "99"} for row in rows if row["seed"] == "0")], "has seeds"),
    ],
)
def test_rows_that_are_not_of_the_suite_are_refused(tmp_path, monkeypatch, tamper, said):
    with (BENCHMARKS / "leaderboard/results.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["system"] == "supervised" and row["metric"] == "auroc"]
    with (tmp_path / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(tamper(rows))
    monkeypatch.setattr(leaderboard_values, "RESULTS", tmp_path)
    with pytest.raises(SystemExit, match=re.escape(said)):
        leaderboard_values.read_values(read_suite(leaderboard.SUITE), "results.csv")


def made_suite(folder, name="methods", seeds=(0, 1, 2, 3, 4), left_out=None):
    """A suite's folder with one system, as `ssmtl bench run` leaves it."""
    folder.mkdir()
    (folder / "suite.json").write_text(json.dumps({"name": name, "seeds": list(seeds)}))
    for file in ("cells.csv", "results.csv"):
        with (BENCHMARKS / "leaderboard" / file).open(newline="") as opened:
            rows = [row for row in csv.DictReader(opened) if (row["system"], row["budgets"]) == ("vat", "diagnosis=20")]
        with (folder / file).open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(rows[0]))
            writer.writeheader()
            writer.writerows(row for row in rows if (file, row["seed"]) != left_out)
    return folder


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "confirm"}, "is of confirm"),
        ({"seeds": [0]}, "with seeds [0]"),
        ({"left_out": ("results.csv", "3")}, "expected ['0', '1', '2', '3', '4']"),
    ],
)
def test_rows_of_another_suite_or_of_fewer_seeds_are_not_copied(tmp_path, monkeypatch, changed, said):
    monkeypatch.setattr(leaderboard_rows, "RESULTS", tmp_path)
    with pytest.raises(SystemExit, match=re.escape(said)):
        leaderboard_rows.copy(made_suite(tmp_path / "suite", **changed), "")
    assert not [*tmp_path.glob("*.csv")]


def test_rows_are_copied_once_and_other_columns_change_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(leaderboard_rows, "RESULTS", tmp_path)
    suite = made_suite(tmp_path / "suite")
    leaderboard_rows.copy(suite, "")
    whole = (tmp_path / "results.csv").read_bytes()
    leaderboard_rows.copy(suite, "")
    assert (tmp_path / "results.csv").read_bytes() == whole
    head, _, rest = (suite / "results.csv").read_text().partition("\n")
    (suite / "results.csv").write_text("\n".join([f"{head.strip()},more", *(f"{one},1" for one in rest.splitlines())]))
    with pytest.raises(SystemExit, match="the suite has"):
        leaderboard_rows.copy(suite, "")
    assert (tmp_path / "results.csv").read_bytes() == whole


SUPERVISED = {"cross_entropy", "mae", "mse", "soft_dice"}


@pytest.mark.parametrize("kind", ["strategy", "balancer", "bridge"])
def test_every_method_is_in_the_documents(kind):
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    missing = [name for name in load_plugins()[kind] if f"`{name}`" not in text]
    assert set(missing) <= SUPERVISED


def shown(file, system, labeled, metric):
    """Mean and standard deviation over the seeds, as pages have them."""
    with (BENCHMARKS / "leaderboard" / file).open(newline="") as opened:
        rows = [row for row in csv.DictReader(opened) if (row["labeled"], row["metric"]) == (labeled, metric)]
    found = [float(row["value"]) for row in rows if system in (row.get("system"), row.get("recipe"))]
    assert len(found) == 3
    return f"{fmean(found):.3f} ± {stdev(found):.3f}"


@pytest.mark.parametrize(
    ("file", "system", "metric", "words"),
    [
        ("busi_floor.csv", "ridge", "auroc", "classes, AUROC: ridge"),
        ("busi_results.csv", "supervised", "auroc", "classes, AUROC: encoder, 600 steps"),
        ("busi_labels.csv", "busi/enc", "auroc", "classes, AUROC: encoder, 2000 steps"),
        ("busi_floor.csv", "best_mean_mask", "dice", "masks, Dice: mean mask"),
        ("busi_results.csv", "unet", "dice", "masks, Dice: U-Net, 600 steps"),
    ],
)
def test_what_there_is_to_gain_on_ultrasound(file, system, metric, words):
    text = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {words}")]
    cells = [shown(file, system, labeled, metric) for labeled in ("100", "all")]
    assert line.split(" | ")[1:] == [cells[0], f"{cells[1]} |"]


def test_every_row_on_ultrasound_is_of_the_suite_and_of_a_commit():
    suite = read_suite(BENCHMARKS / "quality/busi_quick.yaml")
    with (BENCHMARKS / "leaderboard/busi_results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["system"] for row in rows} <= set(suite.systems)
    assert all(re.fullmatch("[0-9a-f]{40}", row["commit"]) for row in rows)
