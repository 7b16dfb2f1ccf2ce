"""Tables of committed results from their committed rows:  python benchmarks/restate_tables.py

The per-image values behind the committed rows are gone, so intervals over images stay as they were computed: images
were drawn, not patients, and the trained networks were taken as given. Everything over seeds is computed anew.
"""

import csv
from pathlib import Path

from ssmtl.suite.bootstrap import RESAMPLES, Interval
from ssmtl.suite.compare import Pairs
from ssmtl.suite.results import SuiteResults
from ssmtl.suite.tables import write_tables

RESULTS = Path(__file__).parent / "results"
KEYS = ("task", "domain", "metric", "system", "against")


def restate(folder: Path) -> None:
    """Rewrite the folder's `tables/`."""
    path = folder / "tables" / "significance.csv"
    known = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            known = {(*(row[key] for key in KEYS), row["budgets"]): row for row in csv.DictReader(file)}

    def kept(_results: SuiteResults, pairs: Pairs, _name: str) -> Interval | None:
        ours, theirs = pairs[0]
        budgets = max(ours.budgets, theirs.budgets, key=len)
        row = known[ours.task, ours.domain, ours.metric, ours.system, theirs.system, budgets]
        numbers = (float(row[column]) for column in ("low", "high", "p_boot"))
        least = float(f"{2 / (RESAMPLES + 1):.6g}")
        return Interval(0, int(row["images"]), *numbers, least) if row["low"] else None

    write_tables(folder, kept)


if __name__ == "__main__":
    for one in sorted(RESULTS.iterdir()):
        if one.is_dir():
            restate(one)
