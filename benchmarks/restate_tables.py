"""Tables of committed results from their committed rows:  python benchmarks/restate_tables.py

Intervals over patients are computed from the committed per-image rows. Where those of an earlier version are gone, an
interval stays as it was computed then: images were drawn, not patients, and the trained networks were taken as given.
"""

import csv
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ssmtl.suite.bootstrap import RESAMPLES, Interval
from ssmtl.suite.compare import Pairs, resampled
from ssmtl.suite.results import SuiteResults
from ssmtl.suite.tables import write_tables

sys.path.insert(0, str(Path(__file__).parent))
from per_image_rows import unpack

RESULTS = Path(__file__).parent / "results"
KEYS = ("task", "domain", "metric", "system", "against")


def restate(folder: Path, anew: Callable[[str], bool] = lambda _: True) -> None:
    """Rewrite the folder's `tables/`.

    :param anew: of a comparison's name, whether its interval over patients is computed; others stay as they are.
    """
    path = folder / "tables" / "significance.csv"
    known = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            known = {(*(row[key] for key in KEYS), row["budgets"]): row for row in csv.DictReader(file)}

    with tempfile.TemporaryDirectory() as temporary:
        suite = Path(temporary)
        cells = unpack(folder, suite)

        def interval(results: SuiteResults, pairs: Pairs, name: str) -> Interval | None:
            ours, theirs = pairs[0]
            budgets = max(ours.budgets, theirs.budgets, key=len)
            row = known.get((ours.task, ours.domain, ours.metric, ours.system, theirs.system, budgets), {})
            if all(one.cell in cells for pair in pairs for one in pair) and (not row or anew(name)):
                return resampled(replace(results, folder=suite), pairs, name)
            numbers = (float(row[column]) for column in ("low", "high", "p_boot"))
            least = float(f"{2 / (RESAMPLES + 1):.6g}")
            return Interval(int(row["patients"] or 0), int(row["images"]), *numbers, least) if row["low"] else None

        write_tables(folder, interval)


if __name__ == "__main__":
    for one in sorted(RESULTS.iterdir()):
        if one.is_dir():
            restate(one)
