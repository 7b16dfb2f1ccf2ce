"""What else the committed per-image rows say, asked later:  python benchmarks/quality/reread.py DATA

DATA: the folder of the data sets, whose file names say who had a virus or a bacterium, and which numbers of persons
occur in the training folder too. Nothing is trained. Written to `results/SUITE/reread.csv`, one row per system, number
of labels, domain and what is asked: the mean over seeds, and a 95 % interval over patients and seeds.

Of pneumonia: sensitivity and specificity at a threshold of one half, AUROC of either cause, AUROC without persons whose
number occurs in training, and AnatoMatch minus the systems of `flagship_apart`. Of lesions: Dice where there is one.
Also the means of `results/flagship_second/floor.csv`: what needs no network, on the same images (floor.py).
"""

import argparse
import csv
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ssmtl.suite.bootstrap import Seed, Statistic, area_under_roc, bootstrap, mean_of, minus

sys.path.insert(0, str(Path(__file__).parents[1]))
from page_numbers import RESULTS, fits, rows_of
from per_image_rows import unpack

PERSON = re.compile(r"person\d+(?=_)")
COLUMNS = ("system", "budgets", "domain", "what", "seeds", "patients", "mean", "std", "low", "high", "p")
TWO_NETWORKS = ("enc", "enc_ssl", "enc_small", "enc_ssl_small")
"""Systems of `flagship_apart` that another network cut the images for."""

Cell = dict[str, np.ndarray]
"""Arrays of one domain's predictions, sorted by the images' names."""


def cells_of(suite: str, domain: str) -> dict[tuple[str, str], dict[str, Cell]]:
    """By system and budgets, by seed: what each cell predicts of the domain's images."""
    found: dict[tuple[str, str], dict[str, Cell]] = {}
    rows = {row["cell"]: row for row in rows_of(RESULTS / suite / "results.csv")}
    with tempfile.TemporaryDirectory() as temporary:
        for cell in sorted(unpack(RESULTS / suite, Path(temporary))):
            path = Path(temporary) / "cells" / cell / "predictions" / f"diagnosis.{domain}.npz"
            if path.is_file():
                with np.load(path) as stored:
                    names = np.array([Path(name).stem for name in stored["ids"]])
                    order = names.argsort()
                    values = {key: stored[key][order] for key in ("patients", "probabilities", "targets")}
                place = rows[cell]["system"], rows[cell]["budgets"]
                found.setdefault(place, {})[rows[cell]["seed"]] = values | {"names": names[order]}
    return found


def row(place: tuple[str, ...], seeds: list[Seed]) -> list[object]:
    """One row of COLUMNS."""
    values = [float(one.difference(np.ones((1, len(one.ids))))[0]) for one in seeds]
    interval = bootstrap(seeds, " ".join(place))
    p = f"{interval.p:.6g}" if "minus" in place[-1] else ""
    numbers = statistics.fmean(values), statistics.stdev(values), interval.low, interval.high
    return [*place, len(seeds), interval.patients, *(f"{number:.6g}" for number in numbers), p]


def seed_of(cell: Cell, inside: np.ndarray, value: Statistic) -> Seed:
    return Seed((*cell["names"][inside],), (*cell["patients"][inside].astype(str),), value)


def area(cell: Cell, inside: np.ndarray) -> Statistic:
    """AUROC of those inside."""
    scores = cell["probabilities"][inside, 1].astype(np.float64)
    return area_under_roc(scores, cell["targets"][inside] == 1)


def of_pneumonia(cell: Cell, known: frozenset[str]) -> Iterator[tuple[str, Seed]]:
    """:param known: names of persons of the training folder."""
    ill = cell["targets"] == 1
    called_ill = cell["probabilities"][:, 1] >= 0.5
    yield "sensitivity", seed_of(cell, ill, mean_of(called_ill[ill].astype(np.float64)))
    yield "specificity", seed_of(cell, ~ill, mean_of((~called_ill[~ill]).astype(np.float64)))
    for cause in ("bacteria", "virus"):
        inside = ~ill | np.array([f"_{cause}_" in name for name in cell["names"]])
        if (inside & ill).any():
            yield f"AUROC, {cause}", seed_of(cell, inside, area(cell, inside))
    persons = [PERSON.match(name) for name in cell["names"]]
    inside = np.array([person is None or person.group() not in known for person in persons])
    if not inside.all():
        yield "AUROC, without numbers of training", seed_of(cell, inside, area(cell, inside))


def differences(ours: Mapping[str, Cell], theirs: Mapping[str, Cell]) -> list[Seed]:
    """Of AUROC, of the same images and seeds."""
    found = []
    for seed in sorted(ours.keys() & theirs.keys()):
        one, other = ours[seed], theirs[seed]
        if [*one["names"]] != [*other["names"]] or (one["targets"] != other["targets"]).any():
            raise ValueError(f"seed {seed}: other images")
        every = np.ones(len(one["names"]), bool)
        found.append(seed_of(one, every, minus(area(one, every), area(other, every))))
    return found


def of_lesions(suite: str) -> Iterator[list[object]]:
    """Dice of images with a lesion, and of those without, where only an empty mask has 1 and any other 0."""
    seeds: dict[tuple[str, ...], list[Seed]] = {}
    known = {one["cell"]: one for one in rows_of(RESULTS / suite / "results.csv")}
    with tempfile.TemporaryDirectory() as temporary:
        for cell in sorted(unpack(RESULTS / suite, Path(temporary))):
            rows = rows_of(Path(temporary) / "cells" / cell / "per_image.csv")
            rows = [one for one in rows if fits(one, {"task": "lesion", "metric": "dice"})]
            for what, wanted in (("Dice, with a lesion", False), ("Dice, without a lesion", True)):
                some = [one for one in rows if one["id"].startswith("normal/") == wanted]
                if some:
                    ids, patients = ([one[key] for one in some] for key in ("id", "patient"))
                    value = mean_of(np.array([float(one["value"]) for one in some]))
                    place = known[cell]["system"], known[cell]["budgets"], "in_domain", what
                    seeds.setdefault(place, []).append(Seed((*ids,), (*patients,), value))
    yield from (row(place, found) for place, found in sorted(seeds.items()))


def of_floor() -> Iterator[list[object]]:
    """Ridge regression and the mean mask, without intervals."""
    values: dict[tuple[str, ...], list[float]] = {}
    for one in rows_of(RESULTS / "flagship_second" / "floor.csv"):
        if one["labeled"] != "all":
            place = one["system"], f"{one['task']}={one['labeled']}", one["domain"], one["metric"]
            values.setdefault(place, []).append(float(one["value"]))
    for place, some in values.items():
        numbers = f"{statistics.fmean(some):.6g}", f"{statistics.stdev(some):.6g}"
        yield [*place, len(some), "", *numbers, "", "", ""]


def write(suite: str, rows: list[list[object]]) -> None:
    with (RESULTS / suite / "reread.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    index = rows_of(parser.parse_args().data / "chest_xray" / "index.csv")
    names = [PERSON.match(Path(one["image"]).name) for one in index if not one["image"].startswith("test/")]
    known = frozenset(name.group() for name in names if name)
    for suite in ("flagship_second", "flagship_apart"):
        rows = []
        for place, cells in sorted(cells_of(suite, "in_domain").items()):
            found: dict[str, list[Seed]] = {}
            for cell in cells.values():
                for what, seed in of_pneumonia(cell, known):
                    found.setdefault(what, []).append(seed)
            rows += [row((*place, "in_domain", what), seeds) for what, seeds in found.items()]
        for domain in ("in_domain", "cross_domain") if suite == "flagship_apart" else ():
            (anatomatch,) = (
                one for place, one in cells_of("flagship_second", domain).items() if place[0] == "flagship"
            )
            for place, cells in sorted(cells_of(suite, domain).items()):
                if place[0] not in TWO_NETWORKS:
                    continue
                rows.append(row((*place, domain, "AUROC, AnatoMatch minus it"), differences(anatomatch, cells)))
        write(suite, [*rows, *of_floor()] if suite == "flagship_second" else rows)
    write("flagship_busi", [*of_lesions("flagship_busi")])


if __name__ == "__main__":
    main()
