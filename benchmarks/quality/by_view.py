"""AUROC of committed cells within the images of one view, on adults:  python benchmarks/quality/by_view.py DATA

DATA: the folder of the data sets, whose tables say how an image was taken (AP: the beam enters at the chest; PA: at the
back). Scores and labels are those of the committed per-image rows. Written to `results/SUITE/by_view.csv`, one
row per system, number of labels, domain and view: the mean over seeds, and a 95 % interval over patients and seeds.
In the rows 'AP above PA, normal', AUROC is how often a normal image that is AP has a higher score than one that is PA;
in 'AP minus PA' it is the difference of the two.
"""

import argparse
import csv
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssmtl.suite.bootstrap import Seed, Statistic, area_under_roc, bootstrap

sys.path.insert(0, str(Path(__file__).parents[1]))
from page_numbers import RESULTS, rows_of
from per_image_rows import unpack

SUITES = {
    "across_ages": ("adults", "covid"),
    "flagship_second": ("cross_domain",),
    "flagship_apart": ("cross_domain",),
}
"""Domains of each suite's task `diagnosis` with images of which the view is known."""

ALL = "all views"

LEAST = 10
"""Of each class in a group; below, no AUROC is given."""

COLUMNS = (
    "system", "budgets", "domain", "view", "seeds", "patients", "pneumonia", "normal", "auroc", "std", "low", "high",
)  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Images of one cell's domain. :param seed: AUROC, or a difference of two, in place of a difference of systems.

    :param ill, well: images with pneumonia and without.
    """

    name: str
    seed: Seed
    ill: int
    well: int


def groups_in(data: Path) -> dict[str, frozenset[str]]:
    """Of an image, by its file name's stem: ALL, its view, and 'VIEW without oedema' if it has no such finding."""
    groups = {}
    for row in rows_of(data / "nih_chestxray14_subset" / "Data_Entry_2017.csv"):
        view = row["View Position"]
        without = set() if "Edema" in row["Finding Labels"].split("|") else {f"{view} without oedema"}
        groups[Path(row["Image Index"]).stem] = frozenset({ALL, view, *without})
    for row in rows_of(data / "covid_chestxray" / "index.csv"):
        groups[Path(row["image"]).stem] = frozenset({ALL, row["view"]})
    return groups


def by_view(folder: Path, domains: tuple[str, ...], groups: dict[str, frozenset[str]]) -> Iterator[list[object]]:
    """:param folder: of a suite's committed results. :returns: one list per row of COLUMNS."""
    found: dict[tuple[str, ...], list[Group]] = {}
    known = {row["cell"]: (row["system"], row["budgets"]) for row in rows_of(folder / "results.csv")}
    with tempfile.TemporaryDirectory() as temporary:
        for cell in sorted(unpack(folder, Path(temporary))):
            for domain in domains:
                path = Path(temporary) / "cells" / cell / "predictions" / f"diagnosis.{domain}.npz"
                for one in groups_of(path, groups) if path.is_file() else ():
                    found.setdefault((*known[cell], domain, one.name), []).append(one)
    for place, seeds in sorted(found.items()):
        interval = bootstrap([one.seed for one in seeds], " ".join(place))
        values = [float(one.seed.difference(np.ones((1, len(one.seed.ids))))[0]) for one in seeds]
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        numbers = (statistics.fmean(values), spread, interval.low, interval.high)
        counts = interval.patients, seeds[0].ill, seeds[0].well
        yield [*place, len(seeds), *counts, *(f"{number:.6g}" for number in numbers)]


def groups_of(path: Path, groups: dict[str, frozenset[str]]) -> Iterator[Group]:
    """:param path: a cell's predictions of a domain."""
    with np.load(path) as stored:
        scores, positive = stored["probabilities"][:, 1].astype(np.float64), stored["targets"] == 1
        ids, patients = (stored[name].astype(str) for name in ("ids", "patients"))
    of_images = [groups[Path(name).stem] for name in ids]

    def group(name: str, inside: np.ndarray, value: Statistic) -> Group:
        ill, well = int((inside & positive).sum()), int((inside & ~positive).sum())
        return Group(name, Seed((*ids[inside],), (*patients[inside],), value), ill, well)

    areas = {}
    for name in sorted(frozenset().union(*of_images)):
        inside = np.array([name in one for one in of_images])
        if min((inside & positive).sum(), (inside & ~positive).sum()) >= LEAST:
            areas[name] = inside
            yield group(name, inside, area_under_roc(scores[inside], positive[inside]))
    front, back = (np.array([name in one for one in of_images]) for name in ("AP", "PA"))
    normal = (front | back) & ~positive
    if (front & normal).any() and (back & normal).any():
        yield group("AP above PA, normal", normal, area_under_roc(scores[normal], front[normal]))
    if {"AP", "PA"} <= set(areas):
        either = front | back
        ours, theirs = (area_under_roc(scores[view], positive[view]) for view in (front, back))
        yield group(
            "AP minus PA", either, lambda counts: ours(counts[:, front[either]]) - theirs(counts[:, back[either]])
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    groups = groups_in(parser.parse_args().data)
    for suite, domains in SUITES.items():
        with (RESULTS / suite / "by_view.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(by_view(RESULTS / suite, domains, groups))


if __name__ == "__main__":
    main()
