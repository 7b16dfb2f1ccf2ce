"""What the label of adults goes with, without the image:  python benchmarks/quality/label_audit.py DATA

Of the images of ChestX-ray14 that the sources of radiographs use, 'Pneumonia' against 'No Finding': how well what the
table says of an image tells the two apart, as AUROC; and how many of the images with 'Pneumonia' have other findings
too. DATA: the folder of the data sets. Written to `results/across_ages/audit.csv`.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ssmtl.suite.bootstrap import area_under_roc

OUT = Path(__file__).parents[1] / "results" / "across_ages" / "audit.csv"

LOOKED_AT = {
    "view is PA": lambda row: row["View Position"] == "PA",
    "follow-up number": lambda row: int(row["Follow-up #"]),
    "age": lambda row: int(row["Patient Age"].rstrip("YMD")),
    "sex is M": lambda row: row["Patient Gender"] == "M",
}


def area(scores: np.ndarray, positive: np.ndarray) -> float:
    """AUROC; ties count half."""
    return float(area_under_roc(scores, positive)(np.ones((1, len(scores))))[0])


def audit(data: Path) -> Iterator[tuple[str, int, float]]:
    """What is looked at, of how many images, and its AUROC or share."""
    with (data / "nih_chestxray14_subset" / "Data_Entry_2017.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row, row["Finding Labels"].split("|")) for row in csv.DictReader(file)]
    asked = [(row, "Pneumonia" in found) for row, found in rows if found == ["No Finding"] or "Pneumonia" in found]
    positive = np.array([one for _, one in asked])
    for name, of in LOOKED_AT.items():
        yield f"AUROC: {name}", len(asked), area(np.array([float(of(row)) for row, _ in asked]), positive)
    follow_up = np.array([float(row["Follow-up #"]) for row, _ in asked])
    for view in ("AP", "PA"):
        inside = np.array([row["View Position"] == view for row, _ in asked])
        yield f"share with Pneumonia: {view}", int(inside.sum()), float(positive[inside].mean())
        yield f"AUROC: follow-up number, {view}", int(inside.sum()), area(follow_up[inside], positive[inside])
    ill = [found for _, found in rows if "Pneumonia" in found]
    yield "share of Pneumonia with other findings", len(ill), float(np.mean([len(found) > 1 for found in ill]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["what", "images", "value"])
        writer.writerows([name, images, f"{value:.6g}"] for name, images, value in audit(parser.parse_args().data))


if __name__ == "__main__":
    main()
