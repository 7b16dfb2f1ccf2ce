"""What a label of adults goes with, and AUROC within groups.

    python benchmarks/quality/across_ages_groups.py SUITE TABLES DATA OUT

SUITE: the folder of a run of across_ages.yaml. TABLES: what across_ages.py made. DATA: the folder of the data sets.
Written to OUT:

* `audit.csv`: how well what is not the image tells 'Pneumonia' from 'No Finding' in ChestX-ray14, as AUROC; and how
  many of the images with 'Pneumonia' have other findings too.
* `groups.csv`: AUROC of every network with the images of one view, adults and COVID-19.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ssmtl.suite.bootstrap import area_under_roc

LEAST = 5
"""Of each class in a group; below, no AUROC is given."""


def area(scores: np.ndarray, positive: np.ndarray) -> float:
    """AUROC; ties count half."""
    return float(area_under_roc(scores, positive)(np.ones((1, len(scores))))[0])


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def audit(data: Path) -> Iterator[tuple[str, int, float]]:
    """What is looked at, of how many images, and its AUROC or share."""
    rows = table(data / "nih_chestxray14_subset" / "Data_Entry_2017.csv")
    findings = [row["Finding Labels"].split("|") for row in rows]
    asked = [
        (row, "Pneumonia" in found)
        for row, found in zip(rows, findings, strict=True)
        if found == ["No Finding"] or "Pneumonia" in found
    ]
    positive = np.array([one for _, one in asked])
    looked_at = {
        "view is PA": lambda row: row["View Position"] == "PA",
        "follow-up number": lambda row: int(row["Follow-up #"]),
        "age": lambda row: int(row["Patient Age"].rstrip("YMD")),
        "sex is M": lambda row: row["Patient Gender"] == "M",
    }
    for name, of in looked_at.items():
        yield f"AUROC: {name}", len(asked), area(np.array([float(of(row)) for row, _ in asked]), positive)
    for view in ("AP", "PA"):
        inside = np.array([row["View Position"] == view for row, _ in asked])
        yield f"share with Pneumonia: {view}", int(inside.sum()), float(positive[inside].mean())
    ill = [found for found in findings if "Pneumonia" in found]
    yield "share of Pneumonia with other findings", len(ill), float(np.mean([len(found) > 1 for found in ill]))


def groups(suite: Path, tables: Path) -> Iterator[list[object]]:
    """System, labels, seed, domain, view, images with and without pneumonia, AUROC."""
    views = {
        domain: {row["image"]: row["view"] for row in table(tables / "plain" / domain / "manifest.csv")}
        for domain in ("adults", "covid")
    }
    known = {row["cell"]: row for row in table(suite / "results.csv")}
    for cell, row in known.items():
        for domain, view_of in views.items():
            with np.load(suite / "cells" / cell / "predictions" / f"diagnosis.{domain}.npz") as stored:
                score, positive = stored["probabilities"][:, 1], stored["targets"] == 1
                view = np.array([view_of[str(name)] for name in stored["ids"]])
            for one in sorted(set(view)):
                inside = view == one
                counts = int(positive[inside].sum()), int((~positive[inside]).sum())
                if min(counts) >= LEAST:
                    value = area(score[inside], positive[inside])
                    yield [row["system"], row["budgets"], row["seed"], domain, one, *counts, f"{value:.6g}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("suite", "tables", "data", "out"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    with (arguments.out / "audit.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["what", "images", "value"])
        writer.writerows([name, images, f"{value:.6g}"] for name, images, value in audit(arguments.data))
    with (arguments.out / "groups.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["system", "budgets", "seed", "domain", "view", "pneumonia", "normal", "auroc"])
        writer.writerows(groups(arguments.suite, arguments.tables))


if __name__ == "__main__":
    main()
