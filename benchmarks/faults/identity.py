"""Labels, patients, splits, recipes, weights, caches, sources and suites are tampered with at random.

    python benchmarks/faults/identity.py --count 300 --seed 0 --out benchmarks/faults/results/identity.csv

A tampering must be refused with one error that names it, or have no effect: a run ends with the same weights, metrics
and predictions, bit for bit; an evaluation has the same values, or, on a source that is new to the run, scores nobody
who trained or selected. Whom an image shows is known from how the data were made, and which images are scored is seen
where they are predicted. After a change of the data an evaluation warns of it, and a suite's finished cells count no
more. Anything else is WRONG. The CSV has one line per tampering.
"""

import argparse
import csv
import json
import os
import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "faults"))

import torch
import verdicts
from tampering import KINDS
from worlds import LAYOUTS, World

OUTCOMES = ("refused", "no effect", "nobody who trained is scored", "warned", "run anew", "WRONG")
COLUMNS = ("number", "world", "kind", "tampering", "over", "outcome", "said")


def one(world: World, kind: str, number: int, seed: int) -> dict[str, object]:
    """One tampering: a function of the seed, its kind and its number."""
    rng = random.Random(f"{seed} {kind} {number}")
    world.restore()
    tampering, over = rng.choice(KINDS[kind])
    outcome, said = verdicts.OVER[over](world, tampering, rng)
    if "Traceback" in said or "Internal error" in said:
        outcome = "WRONG"
    place = re.escape(str(world.place.parent))
    shown = re.sub(rf"{place}/\w*/?", "", " ".join(said.split()))[:160] if outcome != "no effect" else ""
    if outcome == "WRONG":
        print(f"== {world.name} {kind} {number}: {tampering.name} over {over}: WRONG", flush=True)
        print(f"{said[:200]}\n{said[-900:]}", flush=True)
    return dict(zip(COLUMNS, (number, world.name, kind, tampering.name, over, outcome, shown), strict=True))


def campaign(count: int, seed: int, kinds: list[str], folder: Path) -> list[dict[str, object]]:
    """One row per tampering; each kind has its share, in every world."""
    rows: list[dict[str, object]] = []
    worlds = [World(name, folder / name / "world") for name in LAYOUTS]
    for place, kind in enumerate(kinds):
        for number in range(count // len(kinds) + (place < count % len(kinds))):
            rows.append(one(worlds[number % len(worlds)], kind, number, seed))
        counts = Counter(str(row["outcome"]) for row in rows if row["kind"] == kind)
        print(f"{kind}: {', '.join(f'{counts[name]} {name}' for name in OUTCOMES if counts[name])}", flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", COLUMNS="300")
    with tempfile.TemporaryDirectory() as place:
        rows = campaign(options.count, options.seed, options.kind or list(KINDS), Path(place))
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    totals = Counter(str(row["outcome"]) for row in rows)
    print(f"{len(rows)} tamperings: {json.dumps(totals)}")
    sys.exit(1 if totals["WRONG"] else 0)
