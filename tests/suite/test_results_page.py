"""benchmarks/RESULTS.md: every number in it is a row of a committed CSV."""

import csv
import importlib.util
import random
import re
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NUMBER = re.compile(r"[+−-]?\d+\.\d+")

SUITES = sorted(path.name for path in BENCHMARKS.glob("results/*") if path.is_dir())

spec = importlib.util.spec_from_file_location("results_page", BENCHMARKS / "results_page.py")
results_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(results_page)


spec = importlib.util.spec_from_file_location("restate_tables", BENCHMARKS / "restate_tables.py")
restate_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(restate_tables)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_is_its_template_filled_from_the_committed_tables():
    assert (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8") == results_page.rendered()


def test_the_template_has_no_measured_number_of_its_own():
    """Settings, such as the value of an option, are written as code."""
    text = (BENCHMARKS / "RESULTS.md.j2").read_text(encoding="utf-8")
    text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert NUMBER.findall(text) == []


@pytest.mark.parametrize("suite", SUITES)
def test_the_summary_is_that_of_the_committed_rows(suite):
    folder = BENCHMARKS / "results" / suite
    found = rows(folder / "tables" / "summary.csv")
    assert found
    keys = ("sources", "domain", "system", "budgets", "task", "metric")
    by_group = {}
    for row in rows(folder / "results.csv"):
        by_group.setdefault(tuple(row[key] for key in keys), []).append(row["value"])
    assert len(found) == len(by_group)
    for row in found:
        values = [float(value) for value in by_group[tuple(row[key] for key in keys)] if value]
        assert int(row["n"]) == len(values)
        assert float(row["mean"]) == pytest.approx(statistics.fmean(values), rel=1e-4, abs=1e-6)
        if len(values) > 1:
            assert float(row["std"]) == pytest.approx(statistics.stdev(values), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("suite", SUITES)
def test_a_comparison_is_that_of_the_summarys_means(suite):
    folder = BENCHMARKS / "results" / suite
    path = folder / "tables" / "significance.csv"
    summary = rows(folder / "tables" / "summary.csv")
    for row in rows(path) if path.is_file() else []:
        ours, theirs = (
            next(
                one
                for one in summary
                if all(one[key] == row[key] for key in ("sources", "task", "domain", "metric"))
                and one["system"] == row[system]
                and set(one["budgets"].split()) <= {*row["budgets"].split()}
            )
            for system in ("system", "against")
        )
        if ours["n"] == theirs["n"] == row["seeds"]:
            expected = float(ours["mean"]) - float(theirs["mean"])
            assert float(row["difference"]) == pytest.approx(expected, abs=2e-5)


def test_every_number_of_the_page_is_some_row(tmp_path):
    """A second check of the same, which does not rely on the template's functions."""
    known = set()
    for folder in (BENCHMARKS / "results" / suite for suite in SUITES):
        for path in [*folder.glob("*.csv"), *(folder / "tables").glob("*.csv")]:
            for row in rows(path):
                for text in row.values():
                    for number in re.findall(r"^-?\d+\.?\d*(?:e-?\d+)?$", text):
                        known.add(f"{abs(float(number)):.3f}")
    text = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    strange = {found for found in re.findall(r"\d\.\d{3}\b", text) if found not in known}
    differences = {found.lstrip("+−") for found in re.findall(r"[+−]\d\.\d{3}", text)}
    assert strange <= differences | {"0.000", "0.001"}


@pytest.mark.parametrize("suite", SUITES)
def test_the_committed_tables_are_those_of_the_committed_rows(suite, tmp_path):
    """Bold, daggers, Holm within a question and intervals over seeds follow today's rules.

    Intervals over patients: another random tenth every time.
    """
    restate(suite, tmp_path, lambda _: random.random() < 0.1)
    for path in (BENCHMARKS / "results" / suite / "tables").iterdir():
        again = tmp_path / "results" / suite / "tables" / path.name
        if path.name == "significance.csv":  # Holm's correction of numbers that were rounded once
            found, expected = rows(again), rows(path)
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                assert {key: _number(text) for key, text in one.items()} == numbers_of(other)
        else:
            assert again.read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), path.name


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_every_interval_over_patients_is_that_of_the_committed_rows(suite, tmp_path):
    restate(suite, tmp_path, lambda _: True)
    for path in (BENCHMARKS / "results" / suite / "tables").glob("significance.csv"):
        assert (tmp_path / "results" / suite / "tables" / path.name).read_bytes() == path.read_bytes()


def restate(suite, tmp_path, anew):
    shutil.copytree(BENCHMARKS / "results" / suite, tmp_path / "results" / suite)
    shutil.copytree(BENCHMARKS / "quality" / "paper", tmp_path / "quality" / "paper")
    restate_tables.restate(tmp_path / "results" / suite, anew)


def test_last_weights_are_those_of_the_committed_rows():
    keys = {"metric": "auroc", "domain": "in_domain", "budgets": "diagnosis=100 lungs=10"}
    last = {
        (row["system"], row["seed"]): float(row["last"])
        for row in rows(BENCHMARKS / "results" / "cxr" / "last_step.csv")
        if all(row[key] == value for key, value in keys.items())
    }
    differences = [last["umtl_ssl", str(seed)] - last["umtl", str(seed)] for seed in range(5)]
    p = stats.ttest_1samp(differences, 0).pvalue
    said = results_page.Suite("cxr").last_weights("umtl_ssl", "umtl", "auroc")
    assert said == f"{statistics.fmean(differences):+.3f} (p {p:.3f} over seeds, not corrected)"


NUMERIC = re.compile(r"-?\d[\d.e-]*")


def _number(text):
    return float(text) if NUMERIC.fullmatch(text) else text


def numbers_of(row):
    """A row whose numbers are equal to others that differ by rounding."""
    return {
        key: pytest.approx(float(text), rel=1e-4, abs=1e-9) if NUMERIC.fullmatch(text) else text
        for key, text in row.items()
    }


def above(scores, positive):
    """How often a positive image's score is above a negative one's; a tie is half."""
    ours, theirs = scores[positive][:, None], scores[~positive]
    return (ours > theirs).mean() + (ours == theirs).mean() / 2


@pytest.mark.parametrize("suite", SUITES)
def test_a_cells_results_are_recomputed_from_its_per_image_rows(suite, tmp_path):
    """Dice and the like are means over images; accuracy and AUROC are computed here from the probabilities."""
    folder = BENCHMARKS / "results" / suite
    packed = restate_tables.unpack(folder, tmp_path)
    seen = set()
    for row in rows(folder / "results.csv"):
        cell = tmp_path / "cells" / row["cell"]
        stored = cell / "predictions" / f"{row['task']}.{row['domain']}.npz"
        if row["cell"] not in packed or not row["value"]:
            continue
        values = [
            float(image["value"])
            for image in rows(cell / "per_image.csv")
            if all(image[key] == row[key] for key in ("task", "domain", "metric")) and image["value"] != "nan"
        ]
        if values:
            again = statistics.fmean(values)
        elif row["metric"] in ("accuracy", "auroc") and stored.is_file():
            arrays = np.load(stored, allow_pickle=False)
            probabilities, targets = arrays["probabilities"].astype(float), arrays["targets"]
            again = (probabilities.argmax(1) == targets).mean()
            if row["metric"] == "auroc":
                classes = range(probabilities.shape[1]) if probabilities.shape[1] > 2 else [1]
                again = statistics.fmean(above(probabilities[:, one], targets == one) for one in classes)
        else:
            continue
        assert again == pytest.approx(float(row["value"]), rel=1e-5, abs=1e-6), row
        seen.add((row["cell"], row["task"]))
    assert {cell for cell, _ in seen} == packed


def test_every_claim_ends_in_the_verdict_of_one_rule():
    text = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
    claims = re.findall(r"after Holm\): \*([a-z ]+)\*", text)
    assert len(claims) == text.count("over images (") + text.count("over patients (") > 20
    assert set(claims) <= {"shown", "on these networks", "undecided"}
    for one_sided in (
        "does not hold",
        "the other seven",
        "every system, trained on children, is at chance",
        "Both parts",
    ):
        assert one_sided not in text


def test_three_seeds_are_needed_for_a_verdict_over_seeds():
    row = {"seeds": "2", "p_t_holm": "0.01", "p_boot_holm": "0.2"}
    assert results_page.Suite._verdict(row) == "undecided"
    assert results_page.Suite._verdict({**row, "seeds": "3"}) == "shown"
    assert results_page.Suite._verdict({**row, "p_t_holm": "0.07", "p_boot_holm": "0.01"}) == "on these networks"


@pytest.mark.parametrize(
    ("difference", "low", "p", "over_seeds", "words"),
    [
        ("0.02", "0.01", "0.001", "0.01", "yes; a loss of 0.01 is outside the interval"),
        ("0.004", "0.001", "0.04", "0.2", "yes, small; open over seeds alone; a loss of 0.01 is outside the interval"),
        ("-0.004", "-0.007", "0.001", "0.01", "no: worse, small; a loss of 0.01 is outside the interval"),
        ("-0.02", "-0.03", "0.001", "0.01", "no: worse; a loss of 0.01 is within the interval"),
        ("0.02", "-0.002", "0.06", "0.01", "open; better over seeds alone; a loss of 0.01 is outside the interval"),
        ("-0.02", "-0.04", "0.06", "0.01", "open; worse over seeds alone; a loss of 0.01 is within the interval"),
        ("0.001", "-0.02", "0.6", "0.6", "open; a loss of 0.01 is within the interval"),
    ],
)
def test_the_answer_to_a_question_that_was_written_down_before(difference, low, p, over_seeds, words):
    suite = results_page.Suite.__new__(results_page.Suite)
    row = {
        "system": "flagship", "against": "unet", "metric": "dice", "domain": "in_domain", "budgets": "lungs=10",
        "difference": difference, "low": low, "high": "0.05", "p_boot": "0.5", "p_boot_least": "0.0002",
        "p_boot_holm": p, "p_t_holm": over_seeds,
    }  # fmt: skip
    suite.tests = [row]
    assert suite.answer("flagship", "unet", "dice", cost=True).split(" | ")[-1] == words
    assert suite.answer("flagship", "unet", "dice").split(" | ")[-1] == words.rpartition("; ")[0]
