"""by_view.py and label_audit.py: what is committed follows from the data sets' tables and our rows."""

import csv
import importlib.util
import statistics
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def script(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / "quality" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


by_view, label_audit = script("by_view"), script("label_audit")


def committed(*parts):
    with BENCHMARKS.joinpath("results", *parts).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def auroc(above, below):
    """Over all pairs, ties counting half."""
    above, below = np.asarray(above)[:, None], np.asarray(below)
    return float((above > below).mean() + (above == below).mean() / 2)


def test_auroc_within_a_view_is_that_of_the_committed_scores(data_folder, tmp_path):
    """An oracle over pairs; the view is looked up here again, in the data set's own table."""
    with (data_folder / "nih_chestxray14_subset" / "Data_Entry_2017.csv").open(newline="", encoding="utf-8") as file:
        row_of = {row["Image Index"]: row for row in csv.DictReader(file)}
    for suite, system, domain in (
        ("across_ages", "children_lungs", "adults"),
        ("flagship_second", "flagship", "cross_domain"),
    ):
        by_view.unpack(BENCHMARKS / "results" / suite, tmp_path / suite)
        found = {}
        for cell in {row["cell"] for row in committed(suite, "results.csv") if row["system"] == system}:
            stored = np.load(tmp_path / suite / "cells" / cell / "predictions" / f"diagnosis.{domain}.npz")
            groups = {}
            for name, score, target in zip(
                stored["ids"], stored["probabilities"][:, 1], stored["targets"], strict=True
            ):
                row = row_of[Path(str(name)).name]
                for view in (row["View Position"], "all views"):
                    groups.setdefault((view, int(target)), []).append(score)
                if "Edema" not in row["Finding Labels"]:
                    groups.setdefault((f"{row['View Position']} without oedema", int(target)), []).append(score)
            budgets = next(row["budgets"] for row in committed(suite, "results.csv") if row["cell"] == cell)
            values = {view: auroc(groups[view, 1], groups[view, 0]) for view, target in groups if target}
            values["AP minus PA"] = values["AP"] - values["PA"]
            values["AP above PA, normal"] = auroc(groups["AP", 0], groups["PA", 0])
            for view, value in values.items():
                found.setdefault((budgets, view), []).append(value)
        ours = [row for row in committed(suite, "by_view.csv") if (row["system"], row["domain"]) == (system, domain)]
        assert {(row["budgets"], row["view"]) for row in ours} == set(found)
        for row in ours:
            values = found[row["budgets"], row["view"]]
            assert int(row["seeds"]) == len(values)
            assert float(row["auroc"]) == pytest.approx(statistics.fmean(values), abs=1e-5)
            assert float(row["low"]) < float(row["auroc"]) < float(row["high"])


def test_the_label_audit_is_that_of_the_data_sets_table(data_folder):
    again = [
        [part, what, str(images), f"{number:.6g}"] for part, what, images, number in label_audit.audit(data_folder)
    ]
    assert again == [[*row.values()] for row in committed("across_ages", "audit.csv")]


def test_a_view_with_few_of_a_class_has_no_auroc(tmp_path):
    """Ten of each class at least; of normal images alone, AP is compared with PA still."""
    count = 3 * by_view.LEAST
    targets = np.array([0] * (count - 2) + [1] * 2)
    ids = np.array([f"image_{number}.png" for number in range(count)])
    scores = np.linspace(0, 1, count)
    np.savez(
        tmp_path / "one.npz", ids=ids, patients=ids, targets=targets, probabilities=np.stack([1 - scores, scores], 1)
    )
    views = {name.removesuffix(".png"): frozenset({"AP" if n % 2 else "PA"}) for n, name in enumerate(ids)}
    assert [one.name for one in by_view.groups_of(tmp_path / "one.npz", views)] == ["AP above PA, normal"]
