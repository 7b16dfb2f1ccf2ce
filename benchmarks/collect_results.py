"""Copy what is committed from a suite's folder:  python benchmarks/collect_results.py SUITE_FOLDER NAME [--add]

Rows, cells, per-image rows and a part of suite.json; no images, no weights. With `--add`, cells that are committed and
not in the folder stay, and those that are in both are replaced.
"""

import argparse
import csv
import io
import json
import os
import shutil
from pathlib import Path

from per_image_rows import pack

from ssmtl.atomic_file import write_text

RESULTS = Path(__file__).parent / "results"
KEYS = ("name", "title", "note", "seeds", "threads", "set", "variants", "names", "systems", "compare", "reference")
CELL = ("system", "sources", "seed", "budgets")
"""What a row's cell is told apart by; its name also has a hash of code and recipe."""

Table = tuple[list[str], list[dict[str, str]]]


def collect(suite: Path, name: str, add: bool) -> None:
    """Copy into `results/NAME`, replacing what is there, or adding to it."""
    folder = RESULTS / name
    before = {file: read_table(folder / file) for file in ("results.csv", "cells.csv")} if add else {}
    packed = sorted((folder / "per_image").glob("*")) if add else []
    if not add:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    record = json.loads((suite / "suite.json").read_text(encoding="utf-8"))
    finished = [row for row in read_table(suite / "cells.csv")[1] if row["status"] == "finished"]
    for file in ("results.csv", "cells.csv"):
        columns, new = read_table(suite / file)
        new = [row for row in new if row["cell"] in {cell["cell"] for cell in finished}]
        write_table(folder / file, (columns, merged(before.get(file, ([], []))[1], new)))
    left = {row["cell"] for row in read_table(folder / "cells.csv")[1]}
    for path in packed:
        if path.name.removesuffix(".tar.xz") not in left:
            path.unlink()
    for cell in finished:
        pack(suite / "cells" / cell["cell"], folder / "per_image" / f"{cell['cell']}.tar.xz")
    if add and (folder / "suite.json").is_file():  # it says how the rows that stay were made
        return
    if record.get("reference"):
        record["reference"] = os.path.relpath(record["reference"], folder)
    text = json.dumps({key: record[key] for key in KEYS if key in record}, indent=1)
    (folder / "suite.json").write_text(text + "\n", encoding="utf-8")


def merged(before: list[dict[str, str]], new: list[dict[str, str]]) -> list[dict[str, str]]:
    """`before` with the rows of each new cell in the place of the old ones, and further cells at the end."""
    cells: dict[tuple[str, ...], list[dict[str, str]]] = {_key(row): [] for row in (*before, *new)}
    replaced = {_key(row) for row in new}
    for row in (*(row for row in before if _key(row) not in replaced), *new):
        cells[_key(row)].append(row)
    return [row for rows in cells.values() for row in rows]


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[column] for column in CELL)


def read_table(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or ()), list(reader)


def write_table(path: Path, table: Table) -> None:
    columns, rows = table
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=Path)
    parser.add_argument("name")
    parser.add_argument("--add", action="store_true")
    arguments = parser.parse_args()
    collect(arguments.suite, arguments.name, arguments.add)
    print("then: python benchmarks/restate_tables.py && python benchmarks/results_page.py")
