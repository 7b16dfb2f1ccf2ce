"""Copy a suite's rows into leaderboard/, in the place of those that they replace.

    python benchmarks/leaderboard_rows.py SUITE_FOLDER
    python benchmarks/leaderboard_rows.py SUITE_FOLDER --prefix busi_      # into busi_cells.csv and busi_results.csv

Only systems and budgets with every seed of the suite, and only the metrics that the page and its readers use: images
and weights stay where they are.
"""

import argparse
import json
from pathlib import Path

from collect_results import Table, merged, read_table, write_table

RESULTS = Path(__file__).parent / "leaderboard"
METRICS = {"accuracy", "auroc", "balanced_accuracy", "dice", "empty_reference", "empty_prediction", "both_empty"}


def copy(suite: Path, prefix: str) -> None:
    seeds = {str(one) for one in json.loads((suite / "suite.json").read_text(encoding="utf-8"))["seeds"]}
    columns, cells = read_table(suite / "cells.csv")
    finished: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        if cell["status"] == "finished":
            finished.setdefault((cell["system"], cell["budgets"]), set()).add(cell["seed"])
    whole = {key for key, found in finished.items() if found == seeds}
    _add(RESULTS / f"{prefix}cells.csv", (columns, [one for one in cells if (one["system"], one["budgets"]) in whole]))
    columns, rows = read_table(suite / "results.csv")
    rows = [row for row in rows if (row["system"], row["budgets"]) in whole and row["metric"] in METRICS]
    _add(RESULTS / f"{prefix}results.csv", (columns, rows))


def _add(path: Path, new: Table) -> None:
    columns, before = read_table(path) if path.is_file() else ([], [])
    write_table(path, (columns or new[0], merged(before, new[1])))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--prefix", default="")
    given = parser.parse_args()
    copy(given.suite, given.prefix)
