"""benchmarks/leaderboard/classes.md: what networks guess of their unlabelled images."""

import csv
import importlib.util
import json
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

import classes_page
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from ssmtl.suite.suite_file import read_suite

BENCHMARKS = Path(classes_page.__file__).parent
ROWS = [*csv.DictReader((BENCHMARKS / "leaderboard/guesses.csv").open(newline="", encoding="utf-8"))]


@pytest.fixture
def guesses(monkeypatch):
    """The script, which lies beside floor.py."""
    monkeypatch.syspath_prepend(BENCHMARKS / "quality")
    spec = importlib.util.spec_from_file_location("guesses", BENCHMARKS / "quality/guesses.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_from_the_committed_rows():
    assert (BENCHMARKS / "leaderboard/classes.md").read_text(encoding="utf-8") == classes_page.rendered()


def test_differences_on_the_pool_are_those_of_scipy():
    with (BENCHMARKS / "leaderboard/confirm_guesses.csv").open(newline="", encoding="utf-8") as file:
        again = [row for row in csv.DictReader(file) if row["labeled"] == "100"]
    ours, theirs = (
        [float(row["auroc"]) for row in again if row["system"] == one] for one in ("adamatch", "supervised")
    )
    low, high = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    words = [f"{one:+.3f}".replace("-", "−") for one in (fmean(ours) - fmean(theirs), low, high)]
    page = " ".join((BENCHMARKS / "leaderboard/classes.md").read_text(encoding="utf-8").split())
    assert f"with ten new seeds AdaMatch gains {words[0]} [{words[1]}, {words[2]}] there" in page


def test_a_mean_is_over_all_seeds_of_the_suite():
    suite = read_suite(classes_page.SUITE)
    found = {}
    for row in ROWS:
        found.setdefault((row["system"], row["labeled"]), []).append(row)
    assert {tuple(int(row["seed"]) for row in rows) for rows in found.values()} == {tuple(suite.seeds)}
    sure, right = ([float(row[name] or 0) for row in found["fixmatch", "20"]] for name in ("sure", "sure_right"))
    lines = (BENCHMARKS / "leaderboard/classes.md").read_text(encoding="utf-8").splitlines()
    cells = next(line for line in lines if line.startswith("| `fixmatch` |")).split(" | ")
    accuracy = [float(row["accuracy"]) for row in found["fixmatch", "20"]]
    inside = sum(share * rate for share, rate in zip(sure, right, strict=True))
    elsewhere = (sum(accuracy) - inside) / (len(sure) - sum(sure))
    assert cells[5:9] == [f"{one:.2f}" for one in (fmean(accuracy), fmean(sure), inside / sum(sure), elsewhere)]


def test_the_reader_is_told_of_every_strategy_why():
    strategies = set(read_suite(classes_page.SUITE).grids[0].systems) - {"supervised"}
    lines = (BENCHMARKS / "leaderboard/classes.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    read = [row[0].strip("`") for row in rows if len(row[-1]) > 10]
    assert {name for name in strategies if read.count(name) == 2} == strategies & {row["system"] for row in ROWS}


def test_what_a_network_guesses_is_of_the_images_it_had_no_label_of(guesses, monkeypatch):
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(0, 256, (40, 1, 1, 1), dtype=np.uint8))
    truth = torch.from_numpy(random.integers(0, 2, 40))

    def rows(places):
        ids = [f"image{place}" for place in places]
        return SimpleNamespace(ids=ids, images=lambda _: images[places], target=lambda _: truth[places])

    class Network(torch.nn.Module):
        def forward(self, given):
            second = given.flatten(1)
            return {"diagnosis": torch.cat([1 - second, second], 1)}

    data = SimpleNamespace(labeled=rows([1, 2, 30]), unlabeled=rows(list(range(40))))
    monkeypatch.setattr(guesses, "pool_of", lambda *_: data)
    monkeypatch.setattr(guesses.ssmtl, "load", lambda *_, **__: SimpleNamespace(module=Network()))
    found = guesses.of_pool(Path(), "diagnosis", 3, 0)
    left = [place for place in range(40) if place not in (1, 2, 30)]
    second, true = images.numpy().ravel() / 255, truth.numpy()
    sure = [place for place in left if max(second[place], 1 - second[place]) >= 0.95]
    assert found["accuracy"] == pytest.approx(np.mean([(second[i] > 0.5) == true[i] for i in left]))
    assert found["auroc"] == pytest.approx(roc_auc_score(true[left], second[left]))
    assert found["sure"] == pytest.approx(len(sure) / 37)
    assert found["sure_right"] == pytest.approx(np.mean([(second[i] > 0.5) == true[i] for i in sure]))
    assert found["fitted"] == pytest.approx(np.mean([(second[i] > 0.5) == true[i] for i in (1, 2, 30)]))


def test_what_was_counted_is_weighted_by_how_much_was(guesses, tmp_path):
    steps = [(1, 0.0, None), (10, 0.5, 0.6), (20, 0.25, 1.0), (30, 1.0, 0.5)]
    numbers = [
        {"fixmatch.mask_rate": rate} | ({} if right is None else {"fixmatch.pseudo_label_accuracy": right})
        for _, rate, right in steps
    ]
    events = [
        {"event": "step", "step": step, "diagnostics": {f"diagnosis.{key}": value for key, value in one.items()}}
        for (step, _, _), one in zip(steps, numbers, strict=True)
    ]
    lines = [json.dumps(event) for event in ({"event": "evaluated"}, *events)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    found = guesses.of_training(tmp_path, 40)
    assert found == pytest.approx(
        {"counted_1": 0.25, "right_1": (0.5 * 0.6 + 0.25) / 0.75, "counted_2": 1.0, "right_2": 0.5}
    )
