"""Copy a suite's rows into leaderboard/, in the place of those that they replace.

    python benchmarks/leaderboard_rows.py SUITE_FOLDER                     # of the suite methods
    python benchmarks/leaderboard_rows.py SUITE_FOLDER --prefix confirm_   # into confirm_cells.csv, confirm_results.csv

Only systems and budgets with every seed of the suite, and only the metrics that the page and its readers use: images
and weights stay where they are.
"""

import argparse
import json
import sys
from pathlib import Path

from collect_results import Table, merged, read_table, write_table

from ssmtl.suite.suite_file import read_suite

HERE = Path(__file__).parent
RESULTS = HERE / "leaderboard"
METRICS = {"accuracy", "auroc", "balanced_accuracy", "dice", "empty_reference", "empty_prediction", "both_empty"}
SUITES = {"": "methods", "confirm_": "confirm", "busi_": "busi_quick", "digits_": "digits"}


def copy(folder: Path, prefix: str) -> None:
    record, suite = _record(folder), read_suite(HERE / "quality" / f"{SUITES[prefix]}.yaml")
    if (record["name"], record["seeds"]) != (suite.name, list(suite.seeds)):
        sys.exit(
            f"{folder} is of {record['name']} with seeds {record['seeds']}, not of {suite.name} with {suite.seeds}"
        )
    seeds = {str(one) for one in suite.seeds}
    columns, cells = read_table(folder / "cells.csv")
    finished: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        if cell["status"] == "finished" and cell["system"] in suite.systems:
            finished.setdefault((cell["system"], cell["budgets"]), set()).add(cell["seed"])
    whole = {key for key, found in finished.items() if found == seeds}
    new_cells = [one for one in cells if (one["system"], one["budgets"]) in whole]
    row_columns, rows = read_table(folder / "results.csv")
    rows = [row for row in rows if (row["system"], row["budgets"]) in whole and row["metric"] in METRICS]
    counted: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        key = tuple(row[one] for one in ("system", "budgets", "task", "domain", "source", "metric"))
        counted.setdefault(key, []).append(row["seed"])
    for key, found in counted.items():
        if sorted(found) != sorted(seeds):
            sys.exit(
                f"{folder / 'results.csv'}: {key} has a row of each of the seeds {found}, expected {sorted(seeds)}"
            )
    tables = {}
    for name, table in (("cells", (columns, new_cells)), ("results", (row_columns, rows))):
        tables[RESULTS / f"{prefix}{name}.csv"] = _added(RESULTS / f"{prefix}{name}.csv", table)
    for path, table in tables.items():
        write_table(path, table)


def _record(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "suite.json").read_text(encoding="utf-8"))
    return found


def _added(path: Path, new: Table) -> Table:
    if not path.is_file():
        return new
    columns, before = read_table(path)
    if columns != new[0]:
        sys.exit(f"{path} has the columns {', '.join(columns)}; the suite has {', '.join(new[0])}")
    return columns, merged(before, new[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    parser.add_argument(
        "--prefix", default="", choices=SUITES, help="which suite, by its files' prefix; methods has none"
    )
    given = parser.parse_args()
    copy(given.suite, given.prefix)
