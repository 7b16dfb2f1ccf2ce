"""AUROC of committed cells within the images of one view, on adults:  python benchmarks/quality/by_view.py DATA

DATA: the folder of the data sets, whose tables say how an image was taken (AP: from the front, as the children's; PA:
from the back). Scores and labels are those of the committed per-image rows. Written to `results/SUITE/by_view.csv`, one
row per system, number of labels, domain and view: the mean over seeds, and a 95 % interval over patients and seeds.
In the rows 'AP above PA, normal', AUROC is how often a normal image that is AP has a higher score than one that is PA.
"""

import argparse
import csv
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ssmtl.suite.bootstrap import Seed, area_under_roc, bootstrap

sys.path.insert(0, str(Path(__file__).parents[1]))
from per_image_rows import unpack

RESULTS = Path(__file__).parents[1] / "results"
SUITES = {
    "across_ages": ("adults", "covid"),
    "flagship_second": ("cross_domain",),
    "flagship_apart": ("cross_domain",),
}
"""Domains of each suite's task `diagnosis` with images of which the view is known."""

LEAST = 10
"""Of each class in a group; below, no AUROC is given."""

COLUMNS = (
    "system",
    "budgets",
    "domain",
    "view",
    "seeds",
    "patients",
    "pneumonia",
    "normal",
    "auroc",
    "std",
    "low",
    "high",
)


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def views(data: Path) -> dict[str, str]:
    """By an image's file name without its suffix."""
    adults = table(data / "nih_chestxray14_subset" / "Data_Entry_2017.csv")
    covid = table(data / "covid_chestxray" / "index.csv")
    return {Path(row["Image Index"]).stem: row["View Position"] for row in adults} | {
        Path(row["image"]).stem: row["view"] for row in covid
    }


def by_view(folder: Path, domains: tuple[str, ...], view_of: dict[str, str]) -> Iterator[list[object]]:
    """:param folder: of a suite's committed results. :returns: one list per row of COLUMNS."""
    seeds: dict[tuple[str, ...], list[tuple[Seed, int, int]]] = {}
    known = {row["cell"]: (row["system"], row["budgets"]) for row in table(folder / "results.csv")}
    with tempfile.TemporaryDirectory() as temporary:
        for cell in sorted(unpack(folder, Path(temporary))):
            for domain in domains:
                path = Path(temporary) / "cells" / cell / "predictions" / f"diagnosis.{domain}.npz"
                if path.is_file():
                    for view, *one in groups(path, view_of):
                        seeds.setdefault((*known[cell], domain, view), []).append((*one,))
    for place, found in sorted(seeds.items()):
        _, ill, well = found[0]
        interval = bootstrap([seed for seed, _, _ in found], " ".join(place))
        values = [float(seed.difference(np.ones((1, len(seed.ids))))[0]) for seed, _, _ in found]
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        numbers = (statistics.fmean(values), spread, interval.low, interval.high)
        yield [*place, len(found), interval.patients, ill, well, *(f"{number:.6g}" for number in numbers)]


def groups(path: Path, view_of: dict[str, str]) -> Iterator[tuple[str, Seed, int, int]]:
    """View, scores as a :class:`Seed` of the AUROC itself, images with pneumonia and without."""
    with np.load(path) as stored:
        scores, positive = stored["probabilities"][:, 1].astype(np.float64), stored["targets"] == 1
        ids, patients = (stored[name].astype(str) for name in ("ids", "patients"))
    view = np.array([view_of[Path(name).stem] for name in ids])
    for one in sorted(set(view)):
        inside = view == one
        ill, well = int(positive[inside].sum()), int((~positive[inside]).sum())
        if min(ill, well) >= LEAST:
            area = area_under_roc(scores[inside], positive[inside])
            yield one, Seed((*ids[inside],), (*patients[inside],), area), ill, well
    if {"AP", "PA"} <= set(view[~positive]):
        inside = ~positive & np.isin(view, ["AP", "PA"])
        area = area_under_roc(scores[inside], view[inside] == "AP")
        yield "AP above PA, normal", Seed((*ids[inside],), (*patients[inside],), area), 0, int(inside.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    view_of = views(parser.parse_args().data)
    for suite, domains in SUITES.items():
        with (RESULTS / suite / "by_view.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(by_view(RESULTS / suite, domains, view_of))


if __name__ == "__main__":
    main()
