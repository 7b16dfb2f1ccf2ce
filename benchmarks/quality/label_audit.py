"""What the label of adults goes with, without the image:  python benchmarks/quality/label_audit.py DATA

Of the images of ChestX-ray14 that the sources of radiographs use, all of them and those on which networks of children
are tested, 'Pneumonia' against 'No Finding': how well what the table says tells the two apart, as AUROC; how many have
'Pneumonia', and how many of these have oedema or any other finding too. DATA: the folder of the data sets. Written to
`results/across_ages/audit.csv`.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ssmtl.suite.bootstrap import area_under_roc

sys.path.insert(0, str(Path(__file__).parents[1]))
from page_numbers import RESULTS, rows_of
from per_image_rows import unpack

SUITE = RESULTS / "across_ages"
OUT = SUITE / "audit.csv"

LOOKED_AT = {
    "view is PA": lambda row: row["View Position"] == "PA",
    "follow-up number": lambda row: int(row["Follow-up #"]),
    "age": lambda row: int(row["Patient Age"].rstrip("YMD")),
    "sex is M": lambda row: row["Patient Gender"] == "M",
}


def area(scores: np.ndarray, positive: np.ndarray) -> float:
    """AUROC; ties count half."""
    return float(area_under_roc(scores, positive)(np.ones((1, len(scores))))[0])


def tested() -> frozenset[str]:
    """File names of the adults on whom the suite's networks of children are tested."""
    with tempfile.TemporaryDirectory() as folder:
        (cell, *_) = sorted(one for one in unpack(SUITE, Path(folder)) if one.startswith("children_"))
        with np.load(Path(folder) / "cells" / cell / "predictions" / "diagnosis.adults.npz") as stored:
            return frozenset(Path(str(name)).name for name in stored["ids"])


def audit(data: Path) -> Iterator[tuple[str, str, int, float]]:
    """Of which images, what is looked at, how many they are, and its AUROC or share."""
    table = rows_of(data / "nih_chestxray14_subset" / "Data_Entry_2017.csv")
    rows = [(row, row["Finding Labels"].split("|")) for row in table]
    asked = [(row, found) for row, found in rows if found == ["No Finding"] or "Pneumonia" in found]
    names = tested()
    for part, kept in (("all", asked), ("tested", [one for one in asked if one[0]["Image Index"] in names])):
        for what, images, number in of_part(kept):
            yield part, what, images, number


def of_part(rows: list[tuple[dict[str, str], list[str]]]) -> Iterator[tuple[str, int, float]]:
    """:param rows: of the table, with their findings."""
    positive = np.array(["Pneumonia" in found for _, found in rows])
    oedema = np.array(["Edema" in found for _, found in rows])
    view = np.array([row["View Position"] for row, _ in rows])
    follow_up = np.array([float(row["Follow-up #"]) for row, _ in rows])
    for name, of in LOOKED_AT.items():
        yield f"AUROC: {name}", len(rows), area(np.array([float(of(row)) for row, _ in rows]), positive)
    for one in ("AP", "PA"):
        inside = view == one
        yield f"share with Pneumonia: {one}", int(inside.sum()), float(positive[inside].mean())
        yield f"AUROC: follow-up number, {one}", int(inside.sum()), area(follow_up[inside], positive[inside])
        ill = inside & positive
        yield f"share of Pneumonia with Edema: {one}", int(ill.sum()), float(oedema[ill].mean())
    several = np.array([len(found) > 1 for _, found in rows])
    yield "share of Pneumonia with other findings", int(positive.sum()), float(several[positive].mean())
    young = np.array([int(row["Patient Age"].rstrip("YMD")) < 18 for row, _ in rows])
    yield "share below 18 years", len(rows), float(young.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["part", "what", "images", "value"])
        writer.writerows(
            [part, what, images, f"{number:.6g}"] for part, what, images, number in audit(parser.parse_args().data)
        )


if __name__ == "__main__":
    main()
