"""The last weights beside the selected ones:  python benchmarks/last_step.py SUITE_FOLDER NAME --data-root DATA

Which weights are best on validation depends on the tasks that validate: a system of one task takes those that are best
for it, a system of two those that are best on average. So every finished cell of a suite is evaluated again with its
last weights, on the same test images; `results/NAME/last_step.csv` has one row per metric, with both values. Cells
that are there already stay.
"""

import argparse
from pathlib import Path

from collect_results import RESULTS, read_table, write_table

import ssmtl

COLUMNS = ("system", "budgets", "sources", "seed", "task", "domain", "metric", "selected", "last", "step", "cell")


def of_cell(folder: Path, rows: list[dict[str, str]], data_root: Path | None) -> list[dict[str, str]]:
    """A cell's rows with the last weights' values beside them. :param rows: of the suite's results.csv."""
    results = ssmtl.evaluate(folder, weights="last", data_root=data_root)
    return [
        {key: row[key] for key in COLUMNS if key in row}
        | {"selected": row["value"], "last": repr(results.tasks[row["task"]][row["domain"]][row["metric"]])}
        for row in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    parser.add_argument("name")
    parser.add_argument("--data-root", type=Path)
    arguments = parser.parse_args()
    out = RESULTS / arguments.name / "last_step.csv"
    cells: dict[str, list[dict[str, str]]] = {}
    for row in read_table(arguments.suite / "results.csv")[1]:
        cells.setdefault(row["cell"], []).append(row)
    done = [row for row in read_table(out)[1] if row["cell"] in cells] if out.is_file() else []
    known = {row["cell"] for row in done}
    for number, (cell, rows) in enumerate(sorted(cells.items()), 1):
        if cell not in known:
            done += of_cell(arguments.suite / "cells" / cell, rows, arguments.data_root)
            out.parent.mkdir(parents=True, exist_ok=True)
            write_table(out, (list(COLUMNS), done))
            print(f"{number} of {len(cells)}: {cell}")


if __name__ == "__main__":
    main()
